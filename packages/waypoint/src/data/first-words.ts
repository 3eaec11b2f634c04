import { DETECTION_BYTES } from '../limits.ts';

/** `more`: what there is does not tell yet. */
export type SpokenProtocol = 'http1' | 'http2' | 'more' | 'tcp';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
/** Registered methods that applications use (IANA, HTTP Method Registry). */
const METHODS: ReadonlySet<string> = new Set([
  'ACL',
  'BIND',
  'CHECKIN',
  'CHECKOUT',
  'CONNECT',
  'COPY',
  'DELETE',
  'GET',
  'HEAD',
  'LABEL',
  'LINK',
  'LOCK',
  'MERGE',
  'MKACTIVITY',
  'MKCALENDAR',
  'MKCOL',
  'MOVE',
  'OPTIONS',
  'ORDERPATCH',
  'PATCH',
  'POST',
  'PROPFIND',
  'PROPPATCH',
  'PUT',
  'REPORT',
  'SEARCH',
  'TRACE',
  'UNLINK',
  'UNLOCK',
  'UPDATE',
]);

/**
 * What a client speaks, by its first octets `bytes[start, end)`. With `http` its port is declared to be HTTP: then only the
 * version is asked for, and whatever is no HTTP/2 preface is the business of the strict parser of HTTP/1.
 */
export function spokenProtocol(bytes: Buffer, start: number, end: number, http: boolean): SpokenProtocol {
  const length = Math.min(end - start, PREFACE.length);
  if (bytes.compare(PREFACE, 0, length, start, start + length) === 0) {
    return length === PREFACE.length ? 'http2' : 'more';
  }
  if (http) return 'http1';
  // A word in capitals is the beginning of many protocols: only the methods of HTTP tell.
  const words = bytes.toString('latin1', start, Math.min(end, start + DETECTION_BYTES));
  const space = words.indexOf(' ');
  if (space >= 0) return METHODS.has(words.slice(0, space)) ? 'http1' : 'tcp';
  for (const method of METHODS) if (method.startsWith(words)) return 'more';
  return 'tcp';
}
