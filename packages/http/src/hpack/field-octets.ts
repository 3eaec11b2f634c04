import { COLON, SPACE, TAB, TOKEN_OCTETS, VALUE_OCTETS } from '../internal/octets.ts';

/** True when `bytes[start, end)` is a field name in lower case, or a pseudo-header name (RFC 9113 8.2.1, 8.3). */
export function isFieldName(bytes: Uint8Array, start: number, end: number): boolean {
  const first = bytes[start] === COLON ? start + 1 : start;
  if (first >= end) return false;
  for (let at = first; at < end; at++) {
    const octet = bytes[at] ?? 0;
    if (octet === 0 || TOKEN_OCTETS[octet] !== octet) return false;
  }
  return true;
}

/** True when `bytes[start, end)` is a field value without surrounding white space (RFC 9113 8.2.1). */
export function isFieldValue(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return true;
  const first = bytes[start];
  const last = bytes[end - 1];
  if (first === SPACE || first === TAB || last === SPACE || last === TAB) return false;
  for (let at = start; at < end; at++) {
    if (VALUE_OCTETS[bytes[at] ?? 0] !== 1) return false;
  }
  return true;
}
