import { isSecretField, singleFieldBit } from '../../field-rules.ts';
import { STATIC_TABLE } from '../../hpack/static-table.ts';
import { TOKEN_OCTETS } from '../../internal/octets.ts';

/** Names that the parser handles itself; the order is that of `FIRST_NAMES`. */
export const FieldId = {
  unknown: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  keepAlive: 5,
  proxyConnection: 6,
  upgrade: 7,
  te: 8,
  expect: 9,
  http2Settings: 10,
  /** Names from here on are ordinary. */
  firstOrdinary: 11,
} as const;

const FIRST_NAMES: readonly string[] = [
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'proxy-connection',
  'upgrade',
  'te',
  'expect',
  'http2-settings',
];

/** What requests and responses in a mesh carry beside the names of HPACK's static table. */
const COMMON_NAMES: readonly string[] = [
  'accept-encoding',
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-expose-headers',
  'access-control-max-age',
  'access-control-request-headers',
  'access-control-request-method',
  'alt-svc',
  'b3',
  'baggage',
  'content-security-policy',
  'dnt',
  'forwarded',
  'grpc-accept-encoding',
  'grpc-encoding',
  'grpc-message',
  'grpc-status',
  'grpc-status-details-bin',
  'grpc-timeout',
  'origin',
  'pragma',
  'priority',
  'sec-ch-ua',
  'sec-ch-ua-mobile',
  'sec-ch-ua-platform',
  'sec-fetch-dest',
  'sec-fetch-mode',
  'sec-fetch-site',
  'sec-fetch-user',
  'server-timing',
  'traceparent',
  'tracestate',
  'trailer',
  'upgrade-insecure-requests',
  'x-api-key',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-spanid',
  'x-b3-traceid',
  'x-content-type-options',
  'x-correlation-id',
  'x-csrf-token',
  'x-envoy-attempt-count',
  'x-envoy-decorator-operation',
  'x-envoy-upstream-service-time',
  'x-forwarded-client-cert',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-frame-options',
  'x-powered-by',
  'x-real-ip',
  'x-request-id',
  'x-requested-with',
  'x-user-id',
  'x-xss-protection',
];

const NAMES: readonly string[] = [
  ...new Set([
    ...FIRST_NAMES,
    ...STATIC_TABLE.map(([name]) => name).filter((name) => !name.startsWith(':')),
    ...COMMON_NAMES,
  ]),
];

const SLOTS = 4096;

function slotOf(hash: number): number {
  return (hash ^ (hash >>> 12)) & (SLOTS - 1);
}

function hashOf(name: string, multiplier: number): number {
  let hash = 0;
  for (let at = 0; at < name.length; at++) hash = (Math.imul(hash, multiplier) + name.charCodeAt(at)) | 0;
  return hash;
}

/** The first odd multiplier with which no two names share a slot. */
function perfectMultiplier(): number {
  for (let multiplier = 31; ; multiplier += 2) {
    if (new Set(NAMES.map((name) => slotOf(hashOf(name, multiplier)))).size === NAMES.length) return multiplier;
  }
}

/** A name's hash is `hash = imul(hash, NAME_MULTIPLIER) + octet | 0` over its octets in lower case. */
export const NAME_MULTIPLIER: number = perfectMultiplier();

const ids = new Uint8Array(SLOTS);
NAMES.forEach((name, index) => {
  ids[slotOf(hashOf(name, NAME_MULTIPLIER))] = index + 1;
});

/** The octets of all names, one behind the other; that of id `n` ends at `nameEnds[n]`. */
const nameOctets: Buffer = Buffer.from(NAMES.join(''), 'latin1');
const nameEnds = new Int32Array(NAMES.length + 1);
NAMES.forEach((name, index) => {
  nameEnds[index + 1] = (nameEnds[index] ?? 0) + name.length;
});

/** Id of the name `bytes[start, end)` with this hash, in whatever case; `FieldId.unknown` when it is none of ours. */
export function fieldIdOf(bytes: Buffer, start: number, end: number, hash: number): number {
  const id = ids[slotOf(hash)] ?? 0;
  if (id === 0) return 0;
  let at = nameEnds[id - 1] ?? 0;
  if ((nameEnds[id] ?? 0) - at !== end - start) return 0;
  for (let from = start; from < end; from++, at++) {
    if (TOKEN_OCTETS[bytes[from] ?? 0] !== nameOctets[at]) return 0;
  }
  return id;
}

/** The one string of a known name. */
export function fieldNameOf(id: number): string {
  return NAMES[id - 1] ?? '';
}

/** By id: the bit of a field that may come once only. All such fields have an id. */
export const SINGLE_BITS: Int32Array = Int32Array.from(['', ...NAMES], singleFieldBit);

/** By id: 1 for values that must not be kept. */
export const SECRET_IDS: Uint8Array = Uint8Array.from(['', ...NAMES], (name) => Number(isSecretField(name)));
