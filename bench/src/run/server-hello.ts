/** RFC 8446 B.4; the three that proxies of the mesh agree on. */
const SUITES: Readonly<Record<number, string>> = {
  0x1301: 'TLS_AES_128_GCM_SHA256',
  0x1302: 'TLS_AES_256_GCM_SHA384',
  0x1303: 'TLS_CHACHA20_POLY1305_SHA256',
};
/** RFC 8446 4.2.7, and the hybrid of draft-kwiatkowski-tls-ecdhe-mlkem. */
const GROUPS: Readonly<Record<number, string>> = {
  0x0017: 'secp256r1',
  0x001d: 'x25519',
  0x11ec: 'X25519MLKEM768',
};

const HANDSHAKE_RECORD = 22;
const SERVER_HELLO = 2;
/** Record header, handshake header, version, random. */
const SESSION_ID_AT = 5 + 4 + 2 + 32;
const EXTENSION_KEY_SHARE = 51;

/** What a server chose, e.g. `TLS_AES_256_GCM_SHA384, x25519`; undefined when the bytes do not begin with a ServerHello. */
export function chosenByServer(segment: Buffer): string | undefined {
  if (segment[0] !== HANDSHAKE_RECORD || segment[5] !== SERVER_HELLO || segment.length <= SESSION_ID_AT)
    return undefined;
  const suiteAt = SESSION_ID_AT + 1 + segment.readUInt8(SESSION_ID_AT);
  const extensionsAt = suiteAt + 5;
  if (segment.length < extensionsAt) return undefined;
  const suite = segment.readUInt16BE(suiteAt);
  const end = Math.min(segment.length, extensionsAt + segment.readUInt16BE(extensionsAt - 2));
  for (let at = extensionsAt; at + 6 <= end; at += 4 + segment.readUInt16BE(at + 2)) {
    if (segment.readUInt16BE(at) !== EXTENSION_KEY_SHARE) continue;
    return `${nameOf(SUITES, suite)}, ${nameOf(GROUPS, segment.readUInt16BE(at + 4))}`;
  }
  return undefined;
}

function nameOf(names: Readonly<Record<number, string>>, code: number): string {
  return names[code] ?? `0x${code.toString(16).padStart(4, '0')}`;
}
