import { Buffer } from 'node:buffer';

/** Any character that stands for an octet outside ASCII. */
const BEYOND_ASCII = /[\u0080-\uffff]/;

/** A text of a resource as header fields carry it: one character per octet of its UTF-8. */
export function toOctets(text: string): string {
  return BEYOND_ASCII.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

/** A text of a resource as a path carries it: octets outside ASCII percent-encoded. */
export function escapeBeyondAscii(text: string): string {
  return toOctets(text).replace(/[\u0080-\u00ff]/g, (octet) => `%${octet.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** A value of a header field as text; the same string when it is ASCII. */
export function fromOctets(value: string): string {
  return BEYOND_ASCII.test(value) ? Buffer.from(value, 'latin1').toString('utf8') : value;
}
