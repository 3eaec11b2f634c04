import { type KeyObject, X509Certificate, generateKeyPairSync, sign } from 'node:crypto';

/**
 * Certificates for tests, made from scratch so that wrong ones can be made as well. P-256, the shape of
 * the mesh unless told otherwise: not for production, nothing here is checked.
 */
export interface TestIdentity {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  readonly key: KeyObject;
  readonly subject: string;
}

export interface TestCertificateOptions {
  readonly subject?: string;
  readonly uris?: readonly string[];
  readonly dns?: readonly string[];
  readonly ips?: readonly string[];
  readonly authority?: boolean;
  /** Milliseconds since the epoch. Default: an hour ago and in a day. */
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** `client`, `server`: what the certificate may be used for. Default both. */
  readonly usages?: readonly ('client' | 'server')[];
  /** Who signs. Default: itself. */
  readonly issuer?: TestIdentity;
}

const HOUR = 3_600_000;
let serial = 0;

export function testCertificate(options: TestCertificateOptions = {}): TestIdentity {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subject = options.subject ?? (options.authority === true ? 'root' : 'leaf');
  const issuer = options.issuer ?? { key: privateKey, subject };
  const ecdsaWithSha256 = sequence(identifier('2a8648ce3d040302'));
  serial += 1;
  const body = sequence(
    tagged(0xa0, integer(2)),
    integer(serial),
    ecdsaWithSha256,
    name(issuer.subject),
    sequence(time(options.notBefore ?? Date.now() - HOUR), time(options.notAfter ?? Date.now() + 24 * HOUR)),
    name(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensions(options))),
  );
  const signature = sign('sha256', body, issuer.key);
  const certificate = sequence(body, ecdsaWithSha256, tagged(0x03, Buffer.of(0), signature));
  return {
    certificatePem: pem(certificate),
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    key: privateKey,
    subject,
  };
}

/** The list of certificates that an authority has revoked, an hour ago. */
export function testRevocations(issuer: TestIdentity, revoked: readonly TestIdentity[]): string {
  const ecdsaWithSha256 = sequence(identifier('2a8648ce3d040302'));
  const before = time(Date.now() - HOUR);
  const entries = revoked.map(({ certificatePem }) => {
    const number = Number.parseInt(new X509Certificate(certificatePem).serialNumber, 16);
    return sequence(integer(number), before);
  });
  const body = sequence(
    integer(1),
    ecdsaWithSha256,
    name(issuer.subject),
    before,
    time(Date.now() + HOUR),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
  );
  const signature = sign('sha256', body, issuer.key);
  return pem(sequence(body, ecdsaWithSha256, tagged(0x03, Buffer.of(0), signature)), 'X509 CRL');
}

function extensions(options: TestCertificateOptions): Buffer[] {
  const list: Buffer[] = [];
  if (options.authority === true) {
    list.push(extension('551d13', true, sequence(tagged(0x01, Buffer.of(0xff)))));
    list.push(extension('551d0f', true, tagged(0x03, Buffer.of(1, 0x06))));
    return list;
  }
  const usages = options.usages ?? ['client', 'server'];
  list.push(extension('551d0f', true, tagged(0x03, Buffer.of(7, 0x80))));
  list.push(
    extension(
      '551d25',
      false,
      sequence(...usages.map((usage) => identifier(usage === 'server' ? '2b06010505070301' : '2b06010505070302'))),
    ),
  );
  const { uris = [], dns = [], ips = [] } = options;
  const names = [
    ...uris.map((uri) => tagged(0x86, Buffer.from(uri, 'latin1'))),
    ...dns.map((one) => tagged(0x82, Buffer.from(one, 'latin1'))),
    ...ips.map((ip) => tagged(0x87, Buffer.from(ip.split('.').map(Number)))),
  ];
  if (names.length > 0) list.push(extension('551d11', true, sequence(...names)));
  return list;
}

function extension(oid: string, critical: boolean, value: Buffer): Buffer {
  return sequence(identifier(oid), ...(critical ? [tagged(0x01, Buffer.of(0xff))] : []), tagged(0x04, value));
}

function name(commonName: string): Buffer {
  return sequence(tagged(0x31, sequence(identifier('550403'), tagged(0x0c, Buffer.from(commonName)))));
}

// RFC 5280 4.1.2.5: UTCTime up to 2049.
function time(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replace(/[-:T]|\.\d+/g, '');
  return tagged(0x17, Buffer.from(digits.slice(2), 'latin1'));
}

function integer(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = bytes.subarray(first === -1 ? 3 : first);
  return tagged(0x02, (digits[0] ?? 0) > 127 ? Buffer.concat([Buffer.of(0), digits]) : digits);
}

function identifier(hex: string): Buffer {
  return tagged(0x06, Buffer.from(hex, 'hex'));
}

function sequence(...parts: Uint8Array[]): Buffer {
  return tagged(0x30, ...parts);
}

/** Tag, length and content of DER. */
function tagged(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  if (content.length < 128) return Buffer.concat([Buffer.of(tag, content.length), content]);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(content.length);
  return content.length < 256
    ? Buffer.concat([Buffer.of(tag, 0x81, content.length), content])
    : Buffer.concat([Buffer.of(tag, 0x82), length, content]);
}

function pem(der: Buffer, label = 'CERTIFICATE'): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
