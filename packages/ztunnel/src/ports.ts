/** The ports inside a pod (Istio's contract) and those that would loop back into the proxy. */
export const OUTBOUND_PORT = 15001;
export const PLAINTEXT_PORT = 15006;
export const HBONE_PORT = 15008;
export const DNS_PORT = 15053;

/** Destinations on these ports of the own pod are refused: they would come back to the proxy. */
export function isProxyPort(port: number): boolean {
  return port === OUTBOUND_PORT || port === PLAINTEXT_PORT || port === HBONE_PORT;
}

/** Where kubelet's probes come from (Istio's contract). */
export const PROBE_ADDRESSES: ReadonlySet<string> = new Set([
  '169.254.7.127',
  'fd16:9254:7127:1337:ffff:ffff:ffff:ffff',
]);
