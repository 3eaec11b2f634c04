import { LOG_VALUE_CHARACTERS } from './limits.ts';

// Writes parts of a log line as bytes. All of them take where to write and return where they ended; there must be room.

/** How characters that a line must not contain are written: as in JSON, or as Envoy's and Apache's text logs have them. */
export type EscapeStyle = 'json' | 'text';

/** Bytes that one value takes at most: six for each UTF-16 unit, and quotes or dots around them. */
export function valueBytes(text: string | undefined): number {
  return text === undefined ? 4 : 6 * Math.min(text.length, LOG_VALUE_CHARACTERS) + 5;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const ZERO = 0x30;
const DOT = 0x2e;

/** By ASCII character: 1 for what stands as it is within quotes. */
const PLAIN: Uint8Array = Uint8Array.from({ length: 128 }, (_, character) =>
  character >= SPACE && character < 0x7f && character !== QUOTE && character !== BACKSLASH ? 1 : 0,
);

const HEX: Buffer = Buffer.from('0123456789abcdef', 'latin1');

/** `text` so that nothing in it ends a quoted value or the line, or acts on a terminal; cut at `LOG_VALUE_CHARACTERS`. */
export function writeEscaped(text: string, into: Uint8Array, at: number, style: EscapeStyle): number {
  const length = Math.min(text.length, LOG_VALUE_CHARACTERS);
  let end = at;
  for (let index = 0; index < length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 128 && PLAIN[unit] === 1) {
      into[end] = unit;
      end += 1;
    } else {
      end = writeEscape(unit, into, end, style);
    }
  }
  return text.length > length ? writeDots(into, end) : end;
}

/** For values without quotes around them: spaces are escaped too, and an empty one is `-`. Text style only. */
export function writeBare(text: string, into: Uint8Array, at: number): number {
  const length = Math.min(text.length, LOG_VALUE_CHARACTERS);
  if (length === 0) {
    into[at] = 0x2d;
    return at + 1;
  }
  let end = at;
  for (let index = 0; index < length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit > SPACE && unit < 128 && PLAIN[unit] === 1) {
      into[end] = unit;
      end += 1;
    } else {
      end = writeEscape(unit, into, end, 'text');
    }
  }
  return text.length > length ? writeDots(into, end) : end;
}

/** ASCII that is known to be harmless. */
export function writeAscii(text: string, into: Uint8Array, at: number): number {
  for (let index = 0; index < text.length; index += 1) into[at + index] = text.charCodeAt(index);
  return at + text.length;
}

/** A number without sign and fraction; what is negative is 0. */
export function writeNumber(value: number, into: Uint8Array, at: number): number {
  let rest = value > 0 ? Math.floor(value) : 0;
  if (rest > Number.MAX_SAFE_INTEGER) rest = Number.MAX_SAFE_INTEGER;
  let digits = 1;
  for (let bound = 10; rest >= bound; bound *= 10) digits += 1;
  const end = at + digits;
  for (let to = end - 1; to >= at; to -= 1) {
    const tens = Math.floor(rest / 10);
    into[to] = ZERO + rest - tens * 10;
    rest = tens;
  }
  return end;
}

/** RFC 3339 in UTC with milliseconds, 24 bytes. Costs little while requests begin in the same second. */
export class LogTime {
  readonly #bytes: Buffer = Buffer.alloc(24);
  #second = Number.NaN;

  /** `time` in milliseconds since 1970. */
  write(time: number, into: Uint8Array, at: number): number {
    const second = Math.floor(time / 1_000);
    const bytes = this.#bytes;
    if (second !== this.#second) {
      this.#second = second;
      bytes.write(new Date(second * 1_000).toISOString(), 'latin1');
    }
    const milliseconds = Math.floor(time - second * 1_000);
    const tens = Math.floor(milliseconds / 10);
    const hundreds = Math.floor(milliseconds / 100);
    bytes[20] = ZERO + hundreds;
    bytes[21] = ZERO + tens - hundreds * 10;
    bytes[22] = ZERO + milliseconds - tens * 10;
    into.set(bytes, at);
    return at + bytes.length;
  }
}

function writeEscape(unit: number, into: Uint8Array, at: number, style: EscapeStyle): number {
  into[at] = BACKSLASH;
  if (unit === QUOTE || unit === BACKSLASH) {
    into[at + 1] = unit;
    return at + 2;
  }
  let end = at + 2;
  if (style === 'json' || unit > 0xff) {
    into[at + 1] = 0x75;
    into[end] = HEX[unit >> 12] ?? 0;
    into[end + 1] = HEX[(unit >> 8) & 15] ?? 0;
    end += 2;
  } else {
    into[at + 1] = 0x78;
  }
  into[end] = HEX[(unit >> 4) & 15] ?? 0;
  into[end + 1] = HEX[unit & 15] ?? 0;
  return end + 2;
}

function writeDots(into: Uint8Array, at: number): number {
  into.fill(DOT, at, at + 3);
  return at + 3;
}
