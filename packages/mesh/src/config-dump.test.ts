import { describe, expect, it } from 'vitest';
import { dumpMesh } from './config-dump.ts';
import { endpointOf, match, policy, port, service, storeOf, workload } from './test-model.ts';

// The expected shapes are those of istio/ztunnel 62d82653 for the same configuration.

const LATER = service('later', []);
const SVC = service('svc', [], {
  addresses: [
    { network: '', ip: '10.96.0.1', prefixLength: undefined },
    { network: 'n2', ip: '10.97.0.0', prefixLength: 16 },
  ],
  ports: [port(80, 8080), port(90, 0)],
  subjectAltNames: ['spiffe://cluster.local/ns/shop/sa/client'],
  waypoints: [
    { address: { destination: { kind: 'address', network: '', ip: '10.96.0.9' }, hbonePort: 15_008 }, weight: 1 },
  ],
  loadBalancing: { mode: 'failover', preferences: ['network', 'region'], allowUnhealthy: true },
  ipFamilies: 'dual',
  canonical: true,
});

function dumped(mesh: Parameters<typeof storeOf>[0]): unknown {
  return JSON.parse(JSON.stringify(dumpMesh(storeOf(mesh))));
}

describe('the dump of the mesh', () => {
  it('of workloads leaves out what is empty', () => {
    const client = workload('client', {
      addresses: ['10.0.0.1', 'fd00::1'],
      hostname: 'h.example',
      locality: { region: 'r1', zone: 'z1', subzone: '' },
      waypoint: {
        destination: { kind: 'hostname', namespace: 'shop', hostname: 'wp.shop.svc.cluster.local' },
        hbonePort: 15_008,
      },
      networkGateway: { destination: { kind: 'address', network: 'n2', ip: '1.2.3.4' }, hbonePort: 15_008 },
      applicationTunnel: { protocol: 'proxy', port: 15_088 },
      authorizationPolicies: ['shop/p2'],
      nativeTunnel: true,
      capacity: 3,
    });
    expect(
      dumped({ workloads: [client, workload('host', { protocol: 'tcp', healthy: false, hostNetwork: true })] }),
    ).toMatchObject({
      workloads: [
        {
          uid: client.uid,
          name: 'client',
          namespace: 'shop',
          serviceAccount: 'client',
          trustDomain: 'cluster.local',
          workloadIps: ['10.0.0.1', 'fd00::1'],
          hostname: 'h.example',
          protocol: 'HBONE',
          node: 'a',
          clusterId: 'Kubernetes',
          canonicalName: 'client',
          canonicalRevision: 'latest',
          workloadName: 'client',
          workloadType: 'pod',
          nativeTunnel: true,
          status: 'Healthy',
          networkMode: 'Standard',
          capacity: 3,
          locality: { region: 'r1', zone: 'z1' },
          waypoint: { destination: 'shop/wp.shop.svc.cluster.local', hboneMtlsPort: 15_008 },
          networkGateway: { destination: 'n2/1.2.3.4', hboneMtlsPort: 15_008 },
          applicationTunnel: { protocol: 'PROXY', port: 15_088 },
          authorizationPolicies: ['shop/p2'],
        },
        { name: 'host', protocol: 'TCP', status: 'Unhealthy', networkMode: 'HostNetwork' },
      ],
    });
    const [, host] = (dumped({ workloads: [client, workload('host')] }) as { workloads: object[] }).workloads;
    for (const absent of ['network', 'hostname', 'waypoint', 'locality', 'nativeTunnel', 'workloadIps']) {
      expect(host).not.toHaveProperty(absent);
    }
  });

  it('of services has their endpoints, and those whose service has not come apart', () => {
    const pod = workload('client', {
      services: new Map([...endpointOf(LATER), [SVC.key, [{ servicePort: 80, targetPort: 8080 }]]]),
    });
    const endpoint = (ports: object) => ({ [pod.uid]: { workloadUid: pod.uid, port: ports, status: 'Healthy' } });
    const bare = service('bare', ['10.96.0.3']);
    expect(dumped({ services: [SVC, bare], workloads: [pod] })).toMatchObject({
      services: [
        {
          name: 'svc',
          namespace: 'shop',
          hostname: 'svc.shop.svc.cluster.local',
          vips: ['/10.96.0.1', 'n2/10.97.0.0/16'],
          ports: { 80: 8080, 90: 0 },
          endpoints: endpoint({ 80: 8080 }),
          subjectAltNames: ['spiffe://cluster.local/ns/shop/sa/client'],
          waypoint: { destination: '/10.96.0.9', hboneMtlsPort: 15_008 },
          loadBalancer: { routingPreferences: ['Network', 'Region'], mode: 'Failover', healthPolicy: 'AllowAll' },
          ipFamilies: 'Dual',
          canonical: true,
          visibility: 'Public',
        },
        { name: 'bare', endpoints: {}, subjectAltNames: [], canonical: false },
      ],
      stagedServices: { [LATER.key]: endpoint({}) },
    });
  });

  it('of policies has three lists in each other, and says what could not be read', () => {
    const said = match({
      namespaces: [{ kind: 'exact', value: 'a' }],
      notPrincipals: [{ kind: 'presence' }],
      principals: [
        { kind: 'prefix', value: 'x' },
        { kind: 'suffix', value: 'y' },
      ],
      sourceIps: ['10.0.0.0/8'],
      destinationPorts: [80],
    });
    const p1 = policy('p1', {}, { action: 'deny', rules: [{ clauses: [{ matches: [said] }] }] });
    const p2 = policy('p2', { constant: 'never' }, { scope: 'workload', invalid: 'a reason' });
    expect(dumped({ policies: [p1, p2] })).toMatchObject({
      policies: [
        {
          name: 'p1',
          namespace: 'shop',
          scope: 'Namespace',
          action: 'Deny',
          dryRun: false,
          rules: [
            [
              [
                {
                  namespaces: [{ Exact: 'a' }],
                  notPrincipals: [{ Presence: [] }],
                  principals: [{ Prefix: 'x' }, { Suffix: 'y' }],
                  sourceIps: ['10.0.0.0/8'],
                  destinationPorts: [80],
                },
              ],
            ],
          ],
        },
        {
          name: 'p2',
          scope: 'WorkloadSelector',
          action: 'Allow',
          rules: [[[{ unreadable: 'holds never' }]]],
          invalid: 'a reason',
        },
      ],
    });
  });
});
