import { SERVER_PORTS } from '@ambit/local/check/clients/options';
import { describeCuts, describeFailures, failures } from '@ambit/local/check/load-report';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench } from '../mesh/bench.ts';
import { installMesh, MESH_NAMESPACE } from '../mesh/chart.ts';
import { IDLE, workloadObjects } from '../mesh/check-pods.ts';
import { checkCommand, checkProgramsObject } from '../mesh/check-programs.ts';
import { StockZtunnel } from '../mesh/stock-ztunnel.ts';
import type { FirstRequest } from '../programs/first-request.ts';
import { eventually, testCluster } from '../test-cluster.ts';

const NAMESPACE = 'check-stock';
const HELD = 20;
const RATE = 50;

describe('the stock ztunnel on one node, ours on the others', () => {
  let bench: Bench;
  let stock: StockZtunnel;
  let near: string;
  let far: string;

  beforeAll(async () => {
    bench = new Bench(testCluster());
    [near = '', far = ''] = await bench.nodes();
    stock = new StockZtunnel(bench.cluster, far);
    await stock.takeOver();
    const place = { namespace: NAMESPACE };
    const server = { ...place, command: checkCommand('server'), readyPort: SERVER_PORTS.echo };
    await bench.apply([
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: NAMESPACE, labels: { 'istio.io/dataplane-mode': 'ambient' } },
      },
      checkProgramsObject(NAMESPACE),
      ...[near, far].flatMap((node) => [
        ...workloadObjects({ ...server, name: `server-${node}`, node }, SERVER_PORTS),
        ...workloadObjects({ ...place, name: `friend-${node}`, node, command: IDLE }),
        ...workloadObjects({ ...place, name: `stranger-${node}`, node, command: IDLE }),
        ...workloadObjects({
          ...place,
          name: `outsider-${node}`,
          node,
          command: IDLE,
          labels: { 'istio.io/dataplane-mode': 'none' },
        }),
      ]),
    ]);
    const kinds = ['server', 'friend', 'stranger', 'outsider'];
    await bench.rolledOut(NAMESPACE, ...[near, far].flatMap((node) => kinds.map((kind) => `${kind}-${node}`)));
    await bench.reachable(NAMESPACE, `friend-${near}`, `server-${far}.${NAMESPACE}`);
    await bench.reachable(NAMESPACE, `friend-${far}`, `server-${near}.${NAMESPACE}`);
  });

  afterAll(async () => {
    await bench.remove('namespace', NAMESPACE);
    await stock.giveBack();
  });

  const proxiesOf = (node: string): Promise<string> => {
    const pods = ['pods', '-n', MESH_NAMESPACE, '-l', 'app=ztunnel', '--field-selector', `spec.nodeName=${node}`];
    return bench.read(pods, '{.items[*].spec.containers[0].image}');
  };

  const answered = async (from: string, to: string): Promise<boolean> => {
    const options = { port: SERVER_PORTS.greeting, endAfterAnswer: true, timeout: 3_000 };
    const { receivedBytes } = await bench.dial(NAMESPACE, from, { host: `${to}.${NAMESPACE}`, ...options });
    return receivedBytes > 0;
  };

  it('knows who calls, in both directions: only whom a policy names is answered', async () => {
    await eventually(async () => {
      expect(await proxiesOf(far)).toMatch(/^\S+\/stock-ztunnel:\S+$/);
      expect(await proxiesOf(near)).toMatch(/^\S+\/ztunnel:\S+$/);
    });
    const policies = [near, far].map((node) => ({
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: `friends-of-${node}`, namespace: NAMESPACE },
      spec: {
        action: 'ALLOW',
        selector: { matchLabels: { app: `server-${node}` } },
        rules: [
          {
            from: [
              { source: { principals: [near, far].map((from) => `cluster.local/ns/${NAMESPACE}/sa/friend-${from}`) } },
            ],
          },
        ],
      },
    }));
    await bench.apply(policies);
    try {
      const expected = { friend: true, stranger: false, outsider: false };
      const ways = [near, far].flatMap((from) => [near, far].map((to) => [from, to] as const));
      await eventually(async () => {
        for (const [from, to] of ways) {
          const kinds = Object.keys(expected);
          const seen = await Promise.all(kinds.map((kind) => answered(`${kind}-${from}`, `server-${to}`)));
          expect(Object.fromEntries(kinds.map((kind, at) => [kind, seen[at]])), `${from} to ${to}`).toEqual(expected);
        }
      }, 60_000);
    } finally {
      await bench.remove('-n', NAMESPACE, 'authorizationpolicy', ...[near, far].map((node) => `friends-of-${node}`));
    }
  });

  it('serves a new pod before its first instruction', async () => {
    const strict = { name: 'strict', namespace: NAMESPACE };
    const spec = { mtls: { mode: 'STRICT' } };
    await bench.apply([{ apiVersion: 'security.istio.io/v1', kind: 'PeerAuthentication', metadata: strict, spec }]);
    await eventually(async () => {
      expect(await answered(`outsider-${near}`, `server-${near}`)).toBe(false);
    });
    try {
      const host = await bench.read(['service', `server-${near}`, '-n', NAMESPACE], '{.spec.clusterIP}');
      const command = checkCommand('first-request', host, String(SERVER_PORTS.greeting));
      await bench.apply(workloadObjects({ namespace: NAMESPACE, name: 'newcomer', node: far, replicas: 5, command }));
      await eventually(async () => {
        const logs = await bench.cluster.kubectl(['logs', '-n', NAMESPACE, '-l', 'app=newcomer', '--tail=1']);
        const said = logs
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as FirstRequest);
        expect(said.length).toBe(5);
        expect(said.flatMap(({ failures: failed }) => failed)).toEqual([]);
      }, 60_000);
    } finally {
      await bench.remove('-n', NAMESPACE, 'peerauthentication', 'strict');
    }
  });

  it.each([
    ['leave', 'istio.io/dataplane-mode-', ''],
    ['join', 'istio.io/dataplane-mode=ambient', 'enabled'],
  ])('pods %s the mesh while they run: no open connection is cut, no new one fails', async (_, label, state) => {
    const loads = await Promise.all(
      [near, far].map((from) => {
        const host = `server-${from === near ? far : near}.${NAMESPACE}`;
        const options = { host, rate: RATE, held: HELD, messageEvery: 50, duration: 12_000 };
        return bench.load(NAMESPACE, `friend-${from}`, options);
      }),
    );
    const since = Date.now();
    await bench.cluster.kubectl(['label', 'namespace', NAMESPACE, label]);
    for (const { report } of loads) {
      const seen = await report;
      expect(seen.cuts, describeCuts(seen)).toEqual([]);
      expect(failures(seen), describeFailures(seen, since)).toEqual([]);
    }
    await eventually(async () => {
      const path = '{.items[0].metadata.annotations.ambient\\.istio\\.io/redirection}';
      expect(await bench.read(['pods', '-n', NAMESPACE, '-l', `app=server-${far}`], path)).toBe(state);
    });
  });

  it('ours comes back in its place, and the pods of the node stay in the mesh', async () => {
    await bench.reachable(NAMESPACE, `friend-${far}`, `server-${near}.${NAMESPACE}`);
    await stock.giveBack();
    await installMesh(bench.cluster);
    expect(await proxiesOf(far)).toMatch(/^\S+\/ztunnel:\S+$/);
    await bench.reachable(NAMESPACE, `friend-${far}`, `server-${near}.${NAMESPACE}`);
    await bench.reachable(NAMESPACE, `friend-${near}`, `server-${far}.${NAMESPACE}`);
  });
});
