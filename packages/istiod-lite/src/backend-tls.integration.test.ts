import { beforeEach, describe, expect, it } from 'vitest';
import { controlPlaneOfEachTest } from './test-control-plane.ts';
import { eventually } from './test-controller.ts';

const POLICIES = '/apis/gateway.networking.k8s.io/v1/backendtlspolicies';
const CONFIG_MAPS = '/api/v1/configmaps';
const CERTIFICATE = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

const plane = controlPlaneOfEachTest();

beforeEach(() => {
  plane.kubernetes.put('/api/v1/namespaces', {
    metadata: { name: 'shop', labels: { 'istio.io/use-waypoint': 'door' } },
  });
  plane.kubernetes.put('/apis/gateway.networking.k8s.io/v1/gateways', {
    metadata: { name: 'door', namespace: 'shop' },
    spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }] },
  });
  plane.kubernetes.put('/api/v1/services', {
    metadata: { name: 'web', namespace: 'shop' },
    spec: { clusterIP: '10.96.0.1', ports: [{ name: 'http', port: 80 }] },
  });
});

interface Ancestor {
  readonly ancestorRef: unknown;
  readonly conditions: readonly { type: string; status: string; reason: string; observedGeneration?: number }[];
}

/** What stands in the status of the policy, `Type=Status Reason`, sorted. */
function said(): string[] {
  const status = plane.kubernetes.get(POLICIES, 'shop/web')?.['status'] as
    | { ancestors?: readonly Ancestor[] }
    | undefined;
  return (status?.ancestors?.[0]?.conditions ?? [])
    .map(({ type, status, reason }) => `${type}=${status} ${reason}`)
    .sort();
}

describe('a BackendTLSPolicy on a cluster', () => {
  it('has a condition at the waypoint that acts by it, which follows the ConfigMap that it names', async () => {
    plane.kubernetes.put(CONFIG_MAPS, {
      metadata: { name: 'other', namespace: 'shop' },
      data: { 'ca.crt': CERTIFICATE },
    });
    plane.kubernetes.put(POLICIES, {
      metadata: { name: 'web', namespace: 'shop', generation: 4 },
      spec: {
        targetRefs: [{ group: '', kind: 'Service', name: 'web' }],
        validation: { hostname: 'web.example.com', caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'ca' }] },
      },
    });
    await plane.controller.start();
    const refused = ['Accepted=False NoValidCACertificate', 'ResolvedRefs=False InvalidCACertificateRef'];
    await expect.poll(said, { timeout: 15_000 }).toEqual(refused);
    expect(plane.kubernetes.get(POLICIES, 'shop/web')?.['status']).toMatchObject({
      ancestors: [
        {
          ancestorRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: 'shop', name: 'door' },
          controllerName: 'istio.io/mesh-controller',
          conditions: [{ observedGeneration: 4 }, { observedGeneration: 4 }],
        },
      ],
    });
    const ca = await authority();
    plane.kubernetes.put(CONFIG_MAPS, { metadata: { name: 'ca', namespace: 'shop' }, data: { 'ca.crt': ca } });
    await expect.poll(said, { timeout: 15_000 }).toEqual(['Accepted=True Accepted', 'ResolvedRefs=True ResolvedRefs']);
    plane.kubernetes.remove(CONFIG_MAPS, 'shop/ca');
    await expect.poll(said, { timeout: 15_000 }).toEqual(refused);
  });
});

describe('a DestinationRule that names a Secret', () => {
  const RULES = '/apis/networking.istio.io/v1/destinationrules';
  const SECRETS = '/api/v1/secrets';

  function message(): string {
    const status = plane.kubernetes.get(RULES, 'shop/web')?.['status'] as
      | { conditions?: readonly { type: string; message: string }[] }
      | undefined;
    return status?.conditions?.find(({ type }) => type === 'WaypointAccepted')?.message ?? '';
  }

  it('says what is missing until the Secret is there, which is asked for by its name alone', async () => {
    plane.kubernetes.put(RULES, {
      metadata: { name: 'web', namespace: 'shop', generation: 1 },
      spec: { host: 'web', trafficPolicy: { tls: { mode: 'SIMPLE', credentialName: 'partner' } } },
    });
    await plane.controller.start();
    await expect
      .poll(message, { timeout: 15_000 })
      .toMatch(/^connections are refused.*Secret shop\/partner is not there/);
    const ca = Buffer.from(await authority()).toString('base64');
    plane.kubernetes.put(SECRETS, { metadata: { name: 'partner-cacert', namespace: 'shop' }, data: { cacert: ca } });
    await expect.poll(message, { timeout: 15_000 }).toBe('enforced by waypoints');
    const asked = plane.kubernetes.server.received.filter(
      ({ path, query }) => path.endsWith('/namespaces/shop/secrets') && query.size > 0,
    );
    const names = asked.map(({ query }) => query.get('fieldSelector') ?? 'all');
    expect([...new Set(names)].sort()).toEqual(['metadata.name=partner', 'metadata.name=partner-cacert']);
  });
});

/** The certificate of an authority: the controller's own. */
function authority(): Promise<string> {
  return eventually(() => {
    const roots = plane.kubernetes.get(CONFIG_MAPS, 'shop/istio-ca-root-cert')?.['data'];
    const pem = (roots as Readonly<Record<string, string>> | undefined)?.['root-cert.pem'];
    return pem;
  }, 'the roots of the mesh');
}
