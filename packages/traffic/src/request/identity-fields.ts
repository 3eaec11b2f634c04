/**
 * Fields that speak of the client's identity, of what proxies have done with a request, or of how they deal with each other. What
 * asks a proxy for something (`x-envoy-max-retries`), and what tells of addresses, is not among them.
 */
const SAID_BY_PROXIES: ReadonlySet<string> = new Set([
  'x-envoy-attempt-count',
  'x-envoy-decorator-operation',
  'x-envoy-downstream-service-cluster',
  'x-envoy-downstream-service-node',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-internal',
  'x-envoy-ip-tags',
  'x-envoy-original-host',
  'x-envoy-original-path',
  'x-envoy-original-url',
  'x-envoy-peer-metadata',
  'x-envoy-peer-metadata-id',
  'x-forwarded-client-cert',
  'x-forwarded-network',
  'x-istio-attributes',
  'x-istio-source',
]);

/** Every field of ours. */
const OURS = 'x-ambit-';

/**
 * Whether only proxies may say a field: it is taken out of requests before anybody looks at it. Many applications take an underscore for
 * a hyphen, so what is spelt with one counts as the same name.
 */
export function isIdentityField(name: string): boolean {
  const hyphenated = withHyphens(name);
  return SAID_BY_PROXIES.has(hyphenated) || hyphenated.startsWith(OURS);
}

/** As applications may read it that take an underscore for a hyphen. */
export function withHyphens(name: string): string {
  return name.includes('_') ? name.replaceAll('_', '-') : name;
}
