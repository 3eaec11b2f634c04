/**
 * Whether a field speaks of the client's identity or of proxies, which only proxies may say: it is taken out of requests before
 * anybody looks at it. Many applications take an underscore for a hyphen, so what is spelt with one counts as the same name.
 */
export function isIdentityField(name: string): boolean {
  switch (name.includes('_') ? name.replaceAll('_', '-') : name) {
    case 'x-forwarded-client-cert':
    case 'x-envoy-peer-metadata':
    case 'x-envoy-peer-metadata-id':
      return true;
    default:
      return false;
  }
}
