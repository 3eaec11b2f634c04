import { DETECTION_BYTES } from '../limits.ts';

/** `more`: what there is does not tell yet. */
export type SpokenProtocol = 'http1' | 'http2' | 'more' | 'tcp';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const SPACE = 0x20;

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
  // A method in capitals and a space (RFC 9110 9.1: all registered ones are); server-first protocols have no such client.
  const most = Math.min(end - start, DETECTION_BYTES);
  for (let at = 0; at < most; at++) {
    const octet = bytes[start + at] ?? 0;
    if (octet === SPACE) return at > 0 ? 'http1' : 'tcp';
    if (!isMethodOctet(octet)) return 'tcp';
  }
  return most === DETECTION_BYTES ? 'tcp' : 'more';
}

function isMethodOctet(octet: number): boolean {
  return (octet >= 0x41 && octet <= 0x5a) || octet === 0x2d;
}
