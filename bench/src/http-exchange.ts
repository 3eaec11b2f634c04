import { type Memory, allocate } from '@ambit/native/memory';

/** Body of the answer, in bytes: what one small request to a service returns. */
const BODY_BYTES = 1024;

const END_OF_HEAD = '\r\n\r\n';
const LINE_FEED = 0x0a;

const head = ['HTTP/1.1 200 OK', 'Content-Type: text/plain', `Content-Length: ${BODY_BYTES}`].join('\r\n');

/** Every answer of the echo server is these bytes, so that neither side spends time on parsing. */
export const RESPONSE: Memory = memoryOf(`${head}${END_OF_HEAD}${'x'.repeat(BODY_BYTES)}`);

/** The request on a connection that is kept. */
export const REQUEST: Memory = memoryOf(requestText('Accept: */*'));

/**
 * The request on a connection that is used once. The server closes first, so that the side that waits out TIME_WAIT is
 * one with a fixed port: thousands of connections per second would use up the ephemeral ones.
 */
export const LAST_REQUEST: Memory = memoryOf(requestText('Connection: close'));

/** True when the bytes begin an answer with status 200. */
export function isSuccess(bytes: Buffer, start: number): boolean {
  // "HTTP/1.1 200": the digits are at 9, 10 and 11.
  return bytes[start + 9] === 0x32 && bytes[start + 10] === 0x30 && bytes[start + 11] === 0x30;
}

/** True when the request that ends at `end` is `LAST_REQUEST`: it ends in "close". */
export function asksToClose(bytes: Buffer, end: number): boolean {
  return bytes[end - 5] === 0x65;
}

/** Requests that end in `bytes[start..end)`; requests of the generator arrive whole. */
export function countRequests(bytes: Buffer, start: number, end: number): number {
  let count = 0;
  // An empty line ends a request: two line feeds, two bytes apart.
  for (let at = start + 2; at < end; at += 1) {
    if (bytes[at] === LINE_FEED && bytes[at - 2] === LINE_FEED) count += 1;
  }
  return count;
}

function requestText(last: string): string {
  return (
    ['GET /bench HTTP/1.1', 'Host: echo.bench.svc.cluster.local', 'User-Agent: ambit-bench/1', last].join('\r\n') +
    END_OF_HEAD
  );
}

function memoryOf(text: string): Memory {
  const memory = allocate(Buffer.byteLength(text));
  memory.bytes.write(text, 'latin1');
  return memory;
}
