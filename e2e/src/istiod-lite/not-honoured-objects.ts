/** An object of every kind on which no controller of this project acts, as small as its definition takes it, and one that it cannot act on. */
export function notHonouredObjects(namespace: string, service: string, waypoint: string): object[] {
  const object = (apiVersion: string, kind: string, spec: object): object => ({
    ...{ apiVersion, kind, spec },
    metadata: { name: 'not-honoured', namespace },
  });
  const [istio, extensions] = ['networking.istio.io/v1', 'extensions.istio.io/v1alpha1'];
  const gateway = 'gateway.networking.k8s.io/v1';
  const target = { group: '', kind: 'Service', name: service };
  const route = { rules: [{ name: 'all', backendRefs: [{ name: service, port: 80 }] }] };
  return [
    object(istio, 'WorkloadGroup', { template: { serviceAccount: 'vm' } }),
    object(istio, 'Sidecar', { egress: [{ hosts: ['./*'] }] }),
    object(istio, 'Gateway', {
      selector: { app: 'ingress' },
      servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
    }),
    object('networking.istio.io/v1alpha3', 'EnvoyFilter', { configPatches: [] }),
    object('networking.istio.io/v1beta1', 'ProxyConfig', { concurrency: 1 }),
    object(extensions, 'WasmPlugin', { url: 'oci://example.com/plugin:1' }),
    object(extensions, 'TrafficExtension', { lua: { inlineCode: 'function envoy_on_request(handle) end' } }),
    object(gateway, 'UDPRoute', { ...route, parentRefs: [target, { name: waypoint }, { name: 'ingress-of-others' }] }),
    object(gateway, 'ListenerSet', {
      parentRef: { name: waypoint },
      listeners: [{ name: 'more', port: 8080, protocol: 'HTTP' }],
    }),
    object('security.istio.io/v1', 'RequestAuthentication', {
      targetRefs: [target],
      // A field of framing is no place for claims.
      jwtRules: [{ issuer: 'https://example.com', outputPayloadToHeader: 'content-length' }],
    }),
  ];
}
