/** STRICT or PERMISSIVE for the namespace of client and server. */
export function peerAuthentication(mode: 'STRICT' | 'PERMISSIVE'): string {
  return `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  name: check-mode
  namespace: check
spec:
  mtls:
    mode: ${mode}
`;
}

/** An AuthorizationPolicy in the namespace `check`; `rule` is one rule in YAML flow style. */
export function authorizationPolicy(name: string, action: 'ALLOW' | 'DENY', rule: string): string {
  return `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: ${name}
  namespace: check
spec:
  selector:
    matchLabels:
      app: server
  action: ${action}
  rules:
    - ${rule}
`;
}
