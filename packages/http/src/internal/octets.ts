export const TAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SPACE = 0x20;
export const COLON = 0x3a;

const ALPHANUMERIC = '0123456789abcdefghijklmnopqrstuvwxyz';

/** An octet of a token (RFC 9110 5.6.2) in lower case; 0 for any other octet. */
export const TOKEN_OCTETS: Uint8Array = new Uint8Array(256);
for (const character of `!#$%&'*+-.^_\`|~${ALPHANUMERIC}`)
  TOKEN_OCTETS[character.charCodeAt(0)] = character.charCodeAt(0);
for (const letter of 'ABCDEFGHIJKLMNOPQRSTUVWXYZ') TOKEN_OCTETS[letter.charCodeAt(0)] = letter.charCodeAt(0) | 0x20;

/** 1 for what a field value may hold: HTAB, SP, visible ASCII and obs-text (RFC 9110 5.5); no NUL, CR, LF or other control. */
export const VALUE_OCTETS: Uint8Array = new Uint8Array(256);
VALUE_OCTETS.fill(1, 0x20, 0x7f).fill(1, 0x80);
VALUE_OCTETS[TAB] = 1;

/**
 * 1 for what a request target may hold: visible ASCII without '#'. That is a little more than RFC 3986 has (quotes, braces,
 * backslash and the like are sent by real clients), and nothing that any reader takes for an end of the target.
 */
export const TARGET_OCTETS: Uint8Array = new Uint8Array(256);
TARGET_OCTETS.fill(1, 0x21, 0x7f);
TARGET_OCTETS['#'.charCodeAt(0)] = 0;

/** Value of a hexadecimal digit; 255 for any other octet. */
export const HEX_VALUES: Uint8Array = new Uint8Array(256).fill(255);
for (let digit = 0; digit < 16; digit++) {
  HEX_VALUES[digit.toString(16).charCodeAt(0)] = digit;
  HEX_VALUES[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}

/** True when every character of `text` is an octet that `table` has. */
export function consistsOf(text: string, table: Uint8Array): boolean {
  for (let at = 0; at < text.length; at++) {
    if ((table[text.charCodeAt(at)] ?? 0) === 0) return false;
  }
  return true;
}
