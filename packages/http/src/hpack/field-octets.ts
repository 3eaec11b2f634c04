// Octets a lower-case field name may hold: tchar of RFC 9110 5.6.2 without upper case (RFC 9113 8.2).
const NAME_OCTETS = new Uint8Array(256);
for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") NAME_OCTETS[character.charCodeAt(0)] = 1;

// Octets a value may hold: HTAB, SP, visible ASCII and obs-text (RFC 9110 5.5); no NUL, CR, LF or other control characters.
const VALUE_OCTETS = new Uint8Array(256);
VALUE_OCTETS.fill(1, 0x20, 0x7f).fill(1, 0x80);
VALUE_OCTETS[0x09] = 1;

const COLON = 0x3a;
const SPACE = 0x20;
const TAB = 0x09;

/** True when `bytes[start, end)` is a field name in lower case, or a pseudo-header name (RFC 9113 8.2.1, 8.3). */
export function isFieldName(bytes: Uint8Array, start: number, end: number): boolean {
  const first = bytes[start] === COLON ? start + 1 : start;
  if (first >= end) return false;
  for (let at = first; at < end; at++) {
    if (NAME_OCTETS[bytes[at] ?? 0] !== 1) return false;
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
