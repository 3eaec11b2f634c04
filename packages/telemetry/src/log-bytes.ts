import { LOG_VALUE_CHARACTERS } from './limits.ts';

/** Bytes that one value takes at most: six for each UTF-16 unit, and quotes or dots around them. */
export function valueBytes(text: string | undefined): number {
  return text === undefined ? 4 : 6 * Math.min(text.length, LOG_VALUE_CHARACTERS) + 5;
}

/**
 * How characters that a value must not contain are written: as in JSON, or `\xNN`, `\uNNNN` beyond a byte, and `\\`. In text a
 * quote is `\x22`, so that even who does not know of escapes finds the end of a value.
 */
export type EscapeStyle = 'json' | 'text';

/** Texts up to this long are written character by character: a call for them costs more. */
const SHORT = 12;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const DELETE = 0x7f;
const DASH = 0x2d;
const ZERO = 0x30;
const DOT = 0x2e;

const NOTHING: Buffer = Buffer.alloc(0);
const HEX: Buffer = Buffer.from('0123456789abcdef', 'latin1');
const TIME_BYTES = 24;

/** The last rendering of a value that repeats itself: for whoever holds it, such as a connection. */
export class RepeatedValue {
  text: string | undefined = undefined;
  last: string | undefined = undefined;
  bytes: Buffer = NOTHING;
}

/**
 * Writes a log line as bytes. Values are written so that nothing in them ends the value or the line, or acts on a terminal.
 * The caller sees to it that there is room.
 */
export class LineWriter {
  readonly #style: EscapeStyle;
  #into: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #end = 0;
  readonly #time: Buffer = Buffer.alloc(TIME_BYTES);
  #second = Number.NaN;

  constructor(style: EscapeStyle) {
    this.#style = style;
  }

  begin(into: Buffer, at: number): void {
    if (into !== this.#into) {
      this.#into = into;
      this.#view = new DataView(into.buffer, into.byteOffset, into.byteLength);
    }
    this.#end = at;
  }

  /** Where the line ended. */
  get end(): number {
    return this.#end;
  }

  /** One ASCII character of the format. */
  character(code: number): void {
    this.#into[this.#end] = code;
    this.#end += 1;
  }

  /** What was rendered before. */
  bytes(bytes: Uint8Array): void {
    this.#into.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** The inner of a quoted value; cut at `LOG_VALUE_CHARACTERS`. */
  value(text: string): void {
    this.#write(text, SPACE);
  }

  /** As `value`, for one that is mostly the same as the last time. */
  repeated(text: string, memory: RepeatedValue): void {
    if (text === memory.text) {
      this.bytes(memory.bytes);
      return;
    }
    const start = this.#end;
    this.value(text);
    // Only what comes twice in a row is worth a copy.
    if (text === memory.last) {
      memory.bytes = Buffer.from(this.#into.subarray(start, this.#end));
      memory.text = text;
    }
    memory.last = text;
  }

  /** For values without quotes around them: spaces are escaped too, and an empty one is `-`. */
  bareValue(text: string): void {
    if (text.length === 0) this.character(DASH);
    else this.#write(text, SPACE + 1);
  }

  /** A number without sign and fraction; what is negative is 0. */
  number(value: number): void {
    const into = this.#into;
    let rest = value > 0 ? Math.floor(Math.min(value, Number.MAX_SAFE_INTEGER)) : 0;
    let digits = 1;
    for (let bound = 10; rest >= bound; bound *= 10) digits += 1;
    this.#end += digits;
    for (let to = this.#end - 1; digits > 0; digits -= 1) {
      const tens = Math.floor(rest / 10);
      into[to] = ZERO + (rest - tens * 10);
      rest = tens;
      to -= 1;
    }
  }

  /** Milliseconds since 1970 as RFC 3339 in UTC. Costs little while times lie in the same second. */
  time(milliseconds: number): void {
    const second = Math.floor(milliseconds / 1_000);
    const bytes = this.#time;
    if (second !== this.#second) {
      this.#second = second;
      bytes.write(new Date(second * 1_000).toISOString(), 'latin1');
    }
    const fraction = Math.floor(milliseconds - second * 1_000);
    const tens = Math.floor(fraction / 10);
    const hundreds = Math.floor(fraction / 100);
    bytes[20] = ZERO + hundreds;
    bytes[21] = ZERO + tens - hundreds * 10;
    bytes[22] = ZERO + fraction - tens * 10;
    this.bytes(bytes);
  }

  /** `lowest` is the first character that may stand as it is. */
  #write(text: string, lowest: number): void {
    if (text.length <= SHORT || text.length > LOG_VALUE_CHARACTERS) {
      this.#writeEach(text, lowest);
      return;
    }
    const start = this.#end;
    const end = start + this.#into.write(text, start);
    if (isPlain(this.#view, start, end, lowest)) this.#end = end;
    else this.#writeEach(text, lowest);
  }

  #writeEach(text: string, lowest: number): void {
    const into = this.#into;
    const length = Math.min(text.length, LOG_VALUE_CHARACTERS);
    for (let index = 0; index < length; index += 1) {
      const unit = text.charCodeAt(index);
      if (unit >= lowest && unit < DELETE && unit !== QUOTE && unit !== BACKSLASH) {
        into[this.#end] = unit;
        this.#end += 1;
      } else {
        this.#escape(unit);
      }
    }
    for (let dots = text.length > length ? 3 : 0; dots > 0; dots -= 1) this.character(DOT);
  }

  #escape(unit: number): void {
    this.character(BACKSLASH);
    const json = this.#style === 'json';
    if (unit === BACKSLASH || (unit === QUOTE && json)) {
      this.character(unit);
      return;
    }
    const long = json || unit > 0xff;
    this.character(long ? 0x75 : 0x78);
    for (let shift = long ? 12 : 4; shift >= 0; shift -= 4) this.character(HEX[(unit >> shift) & 15] ?? 0);
  }
}

const ONES = 0x01010101;
const QUOTES = 0x22222222;
const BACKSLASHES = 0x5c5c5c5c;
const HIGH_BITS = 0x80808080;

/** Whether nothing between `start` and `end`, at least four bytes, is to be escaped. Looks at four bytes at a time. */
function isPlain(view: DataView, start: number, end: number, lowest: number): boolean {
  const least = lowest * ONES;
  let found = 0;
  for (let at = start; at + 4 <= end; at += 4) found |= hits(view.getInt32(at, true), least);
  // The last bytes, some of them for a second time.
  found |= hits(view.getInt32(end - 4, true), least);
  return (found & HIGH_BITS) === 0;
}

/**
 * The high bit of some byte is set when one of the four is below `least`, above `~`, a quote or a backslash: subtraction borrows
 * from the high bit of a byte that is less, which a byte that had it before does not tell, hence the and-not.
 */
function hits(word: number, least: number): number {
  const quotes = word ^ QUOTES;
  const backslashes = word ^ BACKSLASHES;
  return (
    word |
    (word + ONES) |
    ((word - least) & ~word) |
    ((quotes - ONES) & ~quotes) |
    ((backslashes - ONES) & ~backslashes)
  );
}
