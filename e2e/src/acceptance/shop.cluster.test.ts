import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench } from '../mesh/bench.ts';
import { MESH_NAMESPACE, needMesh } from '../mesh/chart.ts';
import { condition, conditions } from '../mesh/conditions.ts';
import { logLines, waypointLabel } from '../mesh/proxy-log.ts';
import { closeShop, get, openShop, OUTSIDE, saidBy, SHOP, visits } from '../mesh/shop.ts';
import { eventually, testCluster } from '../test-cluster.ts';

/** How long the shopper is watched, milliseconds; it comes ten times a second and counts every five. */
const WATCHED = 20_000;

describe('the sample shop, applied as it is', () => {
  let bench: Bench;
  let began: Date;

  beforeAll(async () => {
    bench = new Bench(testCluster());
    await needMesh(bench.cluster);
    began = new Date();
    await openShop(bench);
    await eventually(() => visits(bench), 10_000);
  });

  afterAll(async () => {
    await closeShop(bench);
  });

  const identity = (account: string): string => `spiffe://cluster.local/ns/${SHOP}/sa/${account}`;

  const addresses = async (namespace: string, label: string): Promise<string[]> =>
    (await bench.read(['pods', '-n', namespace, '-l', label], '{.items[*].status.podIP}')).split(' ');

  it('is visited without a failure', async () => {
    const failed = (await saidBy(bench, SHOP, 'shopper')).filter(({ message }) => message === 'visit failed');
    const before = await visits(bench);
    console.log(`until all was ready: ${JSON.stringify(before)}: ${failed.map(({ reason }) => reason).join('; ')}`);
    await new Promise((resolve) => setTimeout(resolve, WATCHED));
    const after = await visits(bench);
    expect(after.visits - before.visits).toBeGreaterThanOrEqual(WATCHED / 200);
    expect(after.failed - before.failed).toBe(0);
    expect(after.leftOut).toBe(0);
  });

  it.each([
    ['shopper', 'storefront', 'storefront.shop'],
    ['storefront', 'catalog', 'catalog.shop'],
  ])('the access log says that %s came to %s, on both sides', async (client, server, service) => {
    await eventually(async () => {
      const lines = (await logLines(bench, MESH_NAMESPACE, 'app=ztunnel', began)).filter(
        (line) =>
          line.includes(`src.identity="${identity(client)}"`) && line.includes(`dst.identity="${identity(server)}"`),
      );
      expect(lines.some((line) => line.includes('direction="inbound"'))).toBe(true);
      expect(lines.some((line) => line.includes('direction="outbound"'))).toBe(true);
      expect(lines.some((line) => line.includes(`dst.service="${service}.svc.cluster.local"`))).toBe(true);
    });
  });

  it('lets nobody in who is outside of the mesh, and says why', async () => {
    const said = await saidBy(bench, OUTSIDE, 'outsider');
    expect(said.filter(({ message }) => message === 'was refused').length).toBeGreaterThan(2);
    expect(said.filter(({ message }) => message === 'was let in')).toEqual([]);
    const [outsider] = await addresses(OUTSIDE, 'app=outsider');
    const since = new Date();
    await eventually(async () => {
      expect(await get(bench, OUTSIDE, 'outsider', 'http://storefront.shop:8080/')).toBe('ECONNRESET');
    });
    await eventually(async () => {
      const lines = (await logLines(bench, MESH_NAMESPACE, 'app=ztunnel', since)).filter((line) =>
        line.includes(`src.addr=${outsider}:`),
      );
      expect(lines[0]).toMatch(
        / response_flags="DENY" .* policy="shop\/converted_peer_authentication_only-mutual-tls" .* error="[^"]* PeerAuthentication shop\/only-mutual-tls/,
      );
    });
  });

  it.each([
    ['payments', 'catalog', 'http://payments-v1.shop:8080/fee', 'payments-by-storefront'],
    ['the health port', 'shopper', 'catalog', 'health-port-closed'],
  ])('lets nobody to %s who may not, and says by which policy', async (_, from, to, policy) => {
    const [catalog] = await addresses(SHOP, 'app=catalog');
    const url = to === 'catalog' ? `http://${catalog}:8081/readyz` : to;
    const since = new Date();
    expect(await get(bench, SHOP, from, url)).toMatch(/^(ECONNRESET|UND_ERR_SOCKET)$/);
    await eventually(async () => {
      const lines = (await logLines(bench, MESH_NAMESPACE, 'app=ztunnel', since)).filter((line) =>
        line.includes(`src.identity="${identity(from)}"`),
      );
      expect(
        lines.some((line) => line.includes('response_flags="DENY"') && line.includes(`policy="shop/${policy}"`)),
      ).toBe(true);
    });
  });

  /** Lines of the metrics of pods, as a pod of the cluster reads them. */
  async function scrape(namespace: string, label: string): Promise<string[]> {
    const pages = (await addresses(namespace, label)).map((ip) =>
      get(bench, OUTSIDE, 'outsider', `http://${ip}:15020/stats/prometheus`),
    );
    return (await Promise.all(pages)).flatMap((page) => page.split('\n'));
  }

  it('is counted by the node proxies on both sides, with who came to whom', async () => {
    const opened = (await scrape(MESH_NAMESPACE, 'app=ztunnel')).filter((line) =>
      line.startsWith('istio_tcp_connections_opened_total{'),
    );
    const demandCounted = (labels: readonly string[]): void => {
      const found = opened.filter((line) => labels.every((label) => line.includes(label)));
      expect(found.length, labels.join()).toBeGreaterThan(0);
    };
    // A waypoint keeps its connections, so that no line of the log tells of them yet.
    for (const server of ['payments', 'greeter']) {
      const ends = [`source_principal="${identity('waypoint')}"`, `destination_principal="${identity(server)}"`];
      demandCounted(['reporter="destination"', ...ends, 'connection_security_policy="mutual_tls"']);
    }
    for (const reporter of ['source', 'destination']) {
      demandCounted([
        ...[`reporter="${reporter}"`, 'source_workload="shopper"', `source_principal="${identity('shopper')}"`],
        ...['destination_workload="storefront"', `destination_principal="${identity('storefront')}"`],
        'connection_security_policy="mutual_tls"',
        'destination_service="storefront.shop.svc.cluster.local"',
      ]);
    }
  });

  it('is seen by its waypoint: requests over HTTP as the route leads them, and gRPC calls one by one', async () => {
    // The storefront's one connection for calls may be older than the waypoint, and would go on without it.
    await bench.cluster.kubectl(['-n', SHOP, 'rollout', 'restart', 'deployment/storefront']);
    await bench.rolledOut(SHOP, 'storefront');
    await eventually(async () => {
      const requests = (await scrape(SHOP, waypointLabel('waypoint'))).filter((line) =>
        line.startsWith('istio_requests_total{'),
      );
      for (const [version, protocol, service] of [
        ['v1', 'http', 'payments-v1'],
        ['v2', 'http', 'payments-v2'],
        ['v1', 'grpc', 'payments'],
        ['v2', 'grpc', 'payments'],
      ] as const) {
        const labels = [
          ...['reporter="waypoint"', 'source_workload="storefront"', `source_principal="${identity('storefront')}"`],
          ...[`destination_workload="payments-${version}"`, `destination_service="${service}.shop.svc.cluster.local"`],
          ...[`request_protocol="${protocol}"`, 'response_code="200"', 'connection_security_policy="mutual_tls"'],
        ];
        const found = requests.filter((line) => labels.every((label) => line.includes(label)));
        expect(found.length, `${labels.join()} in ${requests.join('\n')}`).toBeGreaterThan(0);
      }
    });
  });

  it('has conditions that say that all of it is in force', async () => {
    for (const [kind, name, types] of [
      ['gateway', 'waypoint', ['Accepted', 'Programmed']],
      ['httproute', 'payments-canary', ['Accepted', 'ResolvedRefs', 'ResolvedWaypoints']],
    ] as const) {
      const said = await conditions(bench, kind, name, SHOP);
      expect(said.map(({ type }) => type).sort(), name).toEqual(types);
      for (const { type, status, observedGeneration } of said) {
        expect({ type, status, observedGeneration }).toEqual({ type, status: 'True', observedGeneration: 1 });
      }
    }
    for (const service of ['payments', 'greeter']) {
      const bound = await condition(bench, 'istio.io/WaypointBound', 'service', service, SHOP);
      expect(bound).toMatchObject({ status: 'True', reason: 'WaypointAccepted' });
    }
    for (const policy of ['payments-by-storefront', 'nobody-from-outside', 'health-port-closed']) {
      const accepted = await condition(bench, 'ZtunnelAccepted', 'authorizationpolicy', policy, SHOP);
      expect(accepted, policy).toMatchObject({ status: 'True' });
    }
  });
});
