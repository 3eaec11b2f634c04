const HOST_OCTETS: Uint8Array = new Uint8Array(128);
for (const character of '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_~') {
  HOST_OCTETS[character.charCodeAt(0)] = 1;
}
const IPV6_OCTETS: Uint8Array = new Uint8Array(128);
for (const character of '0123456789abcdefABCDEF:.') IPV6_OCTETS[character.charCodeAt(0)] = 1;

const COLON = 0x3a;
const MAX_HOST_LENGTH = 255;

/**
 * True for `host` or `host:port` as a request may name it (RFC 9110 7.2): letters, digits, `.-_~`, or an IPv6 address in
 * brackets; port 0 to 65535. Of what RFC 3986 allows beyond that nothing is taken: no user information, no percent escapes,
 * no sub-delimiters, no empty host, no empty port.
 */
export function isAuthority(text: string): boolean {
  let at = 0;
  if (text.charCodeAt(0) === 0x5b) {
    at = text.indexOf(']');
    if (at < 3 || at > 46 || !within(text, 1, at, IPV6_OCTETS)) return false;
    at++;
  } else {
    while (at < text.length && text.charCodeAt(at) !== COLON) at++;
    if (at === 0 || at > MAX_HOST_LENGTH || !within(text, 0, at, HOST_OCTETS)) return false;
  }
  if (at === text.length) return true;
  if (text.charCodeAt(at) !== COLON) return false;
  return isPort(text, at + 1);
}

function isPort(text: string, from: number): boolean {
  const digits = text.length - from;
  if (digits < 1 || digits > 5) return false;
  let port = 0;
  for (let at = from; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return false;
    port = port * 10 + digit;
  }
  return port <= 65_535;
}

function within(text: string, from: number, to: number, table: Uint8Array): boolean {
  for (let at = from; at < to; at++) {
    if (table[text.charCodeAt(at)] !== 1) return false;
  }
  return true;
}
