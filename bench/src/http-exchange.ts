import { type Memory, allocate } from '@ambit/native/memory';

/** Body of the answer, in bytes: what one small request to a service returns. */
export const BODY_BYTES = 1024;

export const PATH = '/bench';
export const AUTHORITY = 'echo.bench.svc.cluster.local';

const END_OF_HEAD = '\r\n\r\n';
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;

const head = ['HTTP/1.1 200 OK', 'Content-Type: text/plain', `Content-Length: ${BODY_BYTES}`].join('\r\n');

/** Every answer of an echo server is such bytes, so that it spends no time on writing them. `fill` is what its body is made of. */
export function responseOf(fill: string): Memory {
  return memoryOf(`${head}${END_OF_HEAD}${fill.repeat(BODY_BYTES)}`);
}

/** The request on a connection that is kept, with a bearer token or without. */
export function keptRequest(token: string | undefined): Memory {
  return memoryOf(requestText(token, 'Accept: */*'));
}

const CLOSE = 'Connection: close';
const CLOSE_LOWER = Buffer.from(`${CLOSE}${END_OF_HEAD}`.toLowerCase());

/**
 * The request on a connection that is used once. The server closes first, so that the side that waits out TIME_WAIT is
 * one with a fixed port: thousands of connections per second would use up the ephemeral ones.
 */
export function lastRequest(token: string | undefined): Memory {
  return memoryOf(requestText(token, CLOSE));
}

/** True when the bytes begin an answer with status 200. */
export function isSuccess(bytes: Buffer, start: number): boolean {
  // "HTTP/1.1 200": the digits are at 9, 10 and 11.
  return bytes[start + 9] === 0x32 && bytes[start + 10] === 0x30 && bytes[start + 11] === 0x30;
}

/** True when the head that ends at `end` has `Connection: close` as its last field, as `lastRequest` gives it. */
export function asksToClose(bytes: Buffer, end: number): boolean {
  const start = end - CLOSE_LOWER.length;
  if (start < 0) return false;
  for (let at = 0; at < CLOSE_LOWER.length; at += 1) {
    // Letters in lower case; the other octets of the text have this bit too, or are CR and LF.
    const octet = bytes[start + at] ?? 0;
    if ((octet > 0x20 ? octet | 0x20 : octet) !== CLOSE_LOWER[at]) return false;
  }
  return true;
}

/** Finds the ends of heads in bytes that come in pieces. */
export class HeadScanner {
  /** How much of the empty line that ends a head has been seen: 0 to 4 octets. */
  #matched = 0;

  /** Offset behind the first head that ends in `bytes[start..end)`; -1 when none does. */
  next(bytes: Buffer, start: number, end: number): number {
    let matched = this.#matched;
    for (let at = start; at < end; at += 1) {
      const octet = bytes[at];
      if (octet === LINE_FEED) {
        matched = matched === 1 ? 2 : matched === 3 ? 4 : 0;
        if (matched === 4) {
          this.#matched = 0;
          return at + 1;
        }
      } else if (octet === CARRIAGE_RETURN) {
        matched = matched === 2 ? 3 : 1;
      } else {
        matched = 0;
      }
    }
    this.#matched = matched;
    return -1;
  }
}

/** Requests without a body, counted as they end. */
export class RequestCounter {
  readonly #scanner = new HeadScanner();

  /** Requests that end in `bytes[start..end)`. */
  count(bytes: Buffer, start: number, end: number): number {
    let count = 0;
    for (let at = this.#scanner.next(bytes, start, end); at >= 0; at = this.#scanner.next(bytes, at, end)) count += 1;
    return count;
  }
}

export type AnswerProgress = 'bad' | 'complete' | 'partial';

/** Reads one answer after the other on a connection: a head of any length, and a body of `BODY_BYTES`. */
export class AnswerReader {
  readonly #scanner = new HeadScanner();
  /** Octets of the answer that have come. */
  #received = 0;
  /** Octets of the whole answer; 0 while its head has not ended. */
  #length = 0;
  #fill = 0;

  /** What the body of the last complete answer ended in. */
  get fill(): number {
    return this.#fill;
  }

  /** Takes bytes of the answer that is awaited. `bad`: not a success, or more than the answer. */
  take(bytes: Buffer, start: number, end: number): AnswerProgress {
    if (this.#received === 0 && !isSuccess(bytes, start)) return 'bad';
    if (this.#length === 0) {
      const body = this.#scanner.next(bytes, start, end);
      if (body >= 0) this.#length = this.#received + body - start + BODY_BYTES;
    }
    this.#received += end - start;
    if (this.#length === 0 || this.#received < this.#length) return 'partial';
    const exact = this.#received === this.#length;
    this.#received = 0;
    this.#length = 0;
    this.#fill = bytes[end - 1] ?? 0;
    return exact ? 'complete' : 'bad';
  }
}

function requestText(token: string | undefined, last: string): string {
  const lines = [
    `GET ${PATH} HTTP/1.1`,
    `Host: ${AUTHORITY}`,
    'User-Agent: ambit-bench/1',
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    last,
  ];
  return lines.join('\r\n') + END_OF_HEAD;
}

function memoryOf(text: string): Memory {
  const memory = allocate(Buffer.byteLength(text));
  memory.bytes.write(text, 'latin1');
  return memory;
}
