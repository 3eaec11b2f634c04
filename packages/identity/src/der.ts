// Writing DER (X.690) as far as a certificate request needs it. Nothing here reads DER.

export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return element(0x30, ...parts);
}

export function set(...parts: readonly Uint8Array[]): Buffer {
  return element(0x31, ...parts);
}

/** Constructed, with a context-specific tag below 31. */
export function contextual(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  return element(0xa0 | tag, ...parts);
}

/** An INTEGER from 0 to 127. */
export function smallInteger(value: number): Buffer {
  return element(0x02, Buffer.of(value));
}

export function octets(content: Uint8Array): Buffer {
  return element(0x04, content);
}

/** A BIT STRING of whole octets, as signatures are. */
export function signatureBits(content: Uint8Array): Buffer {
  return element(0x03, Buffer.of(0), content);
}

/** A GeneralName of the kind uniformResourceIdentifier (RFC 5280 4.2.1.6); ASCII. */
export function uri(text: string): Buffer {
  return element(0x86, Buffer.from(text, 'latin1'));
}

/** An OBJECT IDENTIFIER in dotted notation, its first arc 1 or 2 and its second below 40. */
export function identifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return element(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** Seven bits an octet, the highest first; all but the last have bit 8. */
function base128(arc: number): number[] {
  const digits = [arc & 0x7f];
  for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) digits.unshift((left & 0x7f) | 0x80);
  return digits;
}

function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag), lengthOf(content.length), content]);
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const digits = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) digits.unshift(left & 0xff);
  return Buffer.of(0x80 | digits.length, ...digits);
}
