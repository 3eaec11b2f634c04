import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { definitionsOf, removeDefinitions, withoutLeaving } from '../charts/custom-resources.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { NODE_IMAGE } from '../cluster/parts/images.ts';
import { eventually, ownTestCluster } from '../test-cluster.ts';
import { notHonouredObjects } from './not-honoured-objects.ts';
import { TestReplica } from './test-replica.ts';

const CHARTS = join(import.meta.dirname, '..', '..', '..', 'charts', 'ambit', 'charts');
/** Root namespace and the namespace of users' objects: away from whatever else is installed. */
const ROOT = 'controller-test';
const SHOP = 'controller-test-shop';

/** What a waypoint's pod does here: it is ready. */
const READY_POD = `
spec:
  template:
    spec:
      containers:
      - name: istio-proxy
        command:
        - /usr/bin/node
        - -e
        - "process.on('SIGTERM', process.exit); require('http').createServer((q, r) => r.end()).listen(15021)"
        readinessProbe: { periodSeconds: 1, timeoutSeconds: 5 }
`;

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
}

interface Thing {
  readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string };
  readonly spec: Record<string, unknown> & { readonly replicas?: number };
  readonly data?: Record<string, string>;
  readonly status?: {
    readonly conditions?: readonly Condition[];
    readonly addresses?: readonly { readonly type: string; readonly value: string }[];
    readonly parents?: readonly { readonly controllerName: string; readonly conditions: readonly Condition[] }[];
    readonly ancestors?: readonly { readonly conditions: readonly Condition[] }[];
    readonly readyReplicas?: number;
  };
}

describe('istiod-lite on a cluster', () => {
  let cluster: Cluster;
  let folder: string;
  /** Definitions that were not there before. */
  let added: string[] = [];
  let replicas: TestReplica[] = [];

  const get = async (kind: string, name: string, namespace = SHOP): Promise<Thing> =>
    JSON.parse(await cluster.kubectl(['-n', namespace, 'get', kind, name, '-o', 'json'])) as Thing;
  const names = async (kind: string, namespace = SHOP): Promise<string[]> =>
    (await cluster.kubectl(['-n', namespace, 'get', kind, '-o', 'name'])).split('\n').filter((line) => line !== '');
  const apply = (object: object): Promise<string> =>
    cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
  const conditionOf = ({ status }: Thing, type: string): Condition | undefined =>
    status?.conditions?.find((condition) => condition.type === type);

  const gateway = (name: string, change: object = {}): object => ({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name, namespace: SHOP },
    spec: {
      gatewayClassName: 'istio-waypoint',
      listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }],
      infrastructure: { parametersRef: { group: '', kind: 'ConfigMap', name: 'overlays' } },
      ...change,
    },
  });
  const overlays = (deployment: string): object => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'overlays', namespace: SHOP },
    data: { deployment },
  });

  const replica = (name: string): TestReplica => {
    const kubeconfig = join(folder, 'kubeconfig');
    const started = new TestReplica(cluster, name, [
      ...['--kubeconfig', kubeconfig, '--root-namespace', ROOT, '--waypoint-image', NODE_IMAGE],
      ...['--listen', '127.0.0.1:0', '--status-listen', '127.0.0.1:0'],
    ]);
    replicas.push(started);
    return started;
  };

  /** A kubeconfig of the ServiceAccount that the chart makes, with what the chart allows it and no more. */
  async function leastPrivileges(): Promise<void> {
    const parts = ['serviceaccount', 'clusterrole', 'role'].flatMap((name) => [
      '--show-only',
      `templates/${name}.yaml`,
    ]);
    const manifests = await cluster.helm(['template', 'istiod', join(CHARTS, 'istiod'), '-n', ROOT, ...parts]);
    await cluster.kubectl(['-n', ROOT, 'apply', '-f', '-'], { input: manifests });
    const token = (await cluster.kubectl(['-n', ROOT, 'create', 'token', 'istiod'])).trim();
    const view = await cluster.kubectl(['config', 'view', '--raw', '--minify', '--flatten', '-o', 'json'], {});
    const config = JSON.parse(view) as { users: { name: string; user: object }[] };
    for (const entry of config.users) entry.user = { token };
    writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(config), { mode: 0o600 });
  }

  beforeAll(async () => {
    cluster = ownTestCluster();
    folder = mkdtempSync(join(tmpdir(), 'controller-'));
    await withoutLeaving(cluster);
    const present = await definitionsOf(cluster);
    const crds = join(CHARTS, 'base', 'files', 'crds');
    for (const group of ['istio', 'gateway-api']) {
      await cluster.kubectl(['apply', '--server-side', '--force-conflicts', '-f', join(crds, group)]);
    }
    await cluster.kubectl(['wait', 'crd', '--all', '--for=condition=Established', '--timeout=90s']);
    added = [...(await definitionsOf(cluster)).keys()].filter((name) => !present.has(name));
    for (const namespace of [ROOT, SHOP]) await cluster.kubectl(['create', 'namespace', namespace]);
    await leastPrivileges();
    await apply(overlays(READY_POD));
  });

  afterAll(async () => {
    for (const started of replicas) await started.end();
    for (const namespace of [ROOT, SHOP]) {
      await cluster.kubectl(['delete', 'namespace', namespace, '--ignore-not-found', '--timeout=60s']);
    }
    await cluster.kubectl(['delete', 'configmaps', '-A', '-l', 'istio.io/config=true']);
    await cluster.kubectl(['delete', 'gatewayclasses', 'istio-waypoint', 'ambit-waypoint', '--ignore-not-found']);
    const roles = await cluster.kubectl(['get', 'clusterroles,clusterrolebindings', '-o', 'name']);
    const ours = roles.split('\n').filter((line) => line.endsWith(`-${ROOT}`));
    if (ours.length > 0) await cluster.kubectl(['delete', ...ours]);
    // A chart would leave them alone as somebody else's.
    await removeDefinitions(cluster, added);
    rmSync(folder, { recursive: true });
  });

  it('serves from two replicas that share one root; one of them writes', async () => {
    const both = [replica('one'), replica('two')];
    await eventually(() => expect(both.map(({ serves }) => serves)).toEqual([true, true]));
    await eventually(() => expect(both.filter(({ leads }) => leads).length).toBe(1));
    const secret = await get('secret', 'istio-ca-secret', ROOT);
    const root = Buffer.from(secret.data?.['root-cert.pem'] ?? '', 'base64').toString('utf8');
    expect(root).toContain('BEGIN CERTIFICATE');
    for (const namespace of [ROOT, SHOP, 'kube-system']) {
      await eventually(async () => {
        expect((await get('configmap', 'istio-ca-root-cert', namespace)).data).toEqual({ 'root-cert.pem': root });
      });
    }
  });

  it('makes the root good where somebody changes or deletes it, and gives it to a new namespace', async () => {
    const { data } = await get('configmap', 'istio-ca-root-cert');
    const patch = JSON.stringify({ data: { 'root-cert.pem': 'mine' } });
    await cluster.kubectl(['-n', SHOP, 'patch', 'configmap', 'istio-ca-root-cert', '-p', patch]);
    await eventually(async () => expect((await get('configmap', 'istio-ca-root-cert')).data).toEqual(data), 5_000);
    await cluster.kubectl(['-n', SHOP, 'delete', 'configmap', 'istio-ca-root-cert']);
    await eventually(async () => expect((await get('configmap', 'istio-ca-root-cert')).data).toEqual(data), 5_000);
  });

  it('makes the classes of waypoints, and accepts them', async () => {
    for (const name of ['istio-waypoint', 'ambit-waypoint']) {
      await eventually(async () => {
        expect(conditionOf(await get('gatewayclass', name), 'Accepted')?.status).toBe('True');
      });
    }
    await cluster.kubectl(['delete', 'gatewayclass', 'ambit-waypoint']);
    await eventually(() => get('gatewayclass', 'ambit-waypoint'), 5_000);
  });

  it('deploys a waypoint, and says of it and of what asks for it what became of them', async () => {
    await apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: SHOP, labels: { 'istio.io/use-waypoint': 'door' } },
      spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80 }] },
    });
    await apply({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: 'split', namespace: SHOP },
      spec: {
        parentRefs: [{ group: '', kind: 'Service', name: 'web' }],
        rules: [{ backendRefs: [{ name: 'web', port: 80 }] }],
      },
    });
    await eventually(async () => {
      expect(conditionOf(await get('service', 'web'), 'istio.io/WaypointBound')?.reason).toBe('WaypointIsNotReady');
    });
    await apply(gateway('door'));
    await eventually(async () => {
      const made = await get('gateway', 'door');
      expect(conditionOf(made, 'Programmed')).toMatchObject({ status: 'True', observedGeneration: 1 });
      const { clusterIP } = (await get('service', 'door')).spec;
      expect(made.status?.addresses).toEqual([
        { type: 'IPAddress', value: clusterIP },
        { type: 'Hostname', value: `door.${SHOP}.svc.cluster.local` },
      ]);
    }, 60_000);
    await eventually(async () => expect((await get('deployment', 'door')).status?.readyReplicas).toBe(2));
    expect((await get('poddisruptionbudget', 'door')).spec).toMatchObject({ maxUnavailable: 1 });
    await get('serviceaccount', 'door');
    await eventually(async () => {
      expect(conditionOf(await get('service', 'web'), 'istio.io/WaypointBound')?.status).toBe('True');
      const [parent] = (await get('httproute', 'split')).status?.parents ?? [];
      expect(parent?.controllerName).toBe('istio.io/mesh-controller');
      const said = Object.fromEntries((parent?.conditions ?? []).map(({ type, status }) => [type, status]));
      expect(said).toEqual({ Accepted: 'True', ResolvedRefs: 'True', ResolvedWaypoints: 'True' });
    });
  });

  it('writes nothing when nothing changes', async () => {
    const things = ['gateway/door', 'service/web', 'httproute/split', 'deployment/door', 'service/door'];
    const versions = async (): Promise<string[]> =>
      await Promise.all(
        things.map(
          async (thing) => (await get(thing.split('/')[0] ?? '', thing.split('/')[1] ?? '')).metadata.resourceVersion,
        ),
      );
    // The last pod's readiness may still be on its way into the Deployment's status.
    let before: string[] = [];
    await eventually(async () => {
      before = await versions();
      await new Promise((resume) => setTimeout(resume, 3_000));
      expect(await versions()).toEqual(before);
    }, 60_000);
    await apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'other', namespace: SHOP },
      spec: { ports: [{ port: 80 }] },
    });
    await new Promise((resume) => setTimeout(resume, 3_000));
    expect(await versions()).toEqual(before);
  });

  it('makes good what somebody changes, and leaves the number of pods to who has set it', async () => {
    const patch = JSON.stringify({ spec: { strategy: { rollingUpdate: { maxUnavailable: 1 } } } });
    await cluster.kubectl(['-n', SHOP, 'patch', 'deployment', 'door', '-p', patch]);
    await eventually(async () => {
      expect((await get('deployment', 'door')).spec).toMatchObject({
        strategy: { rollingUpdate: { maxUnavailable: 0 } },
      });
    }, 5_000);
    await cluster.kubectl(['-n', SHOP, 'scale', 'deployment', 'door', '--replicas=1']);
    await cluster.kubectl(['-n', SHOP, 'annotate', 'gateway', 'door', 'ambit.io/replicas=3']);
    await new Promise((resume) => setTimeout(resume, 3_000));
    expect((await get('deployment', 'door')).spec.replicas).toBe(1);
    await cluster.kubectl(['-n', SHOP, 'delete', 'poddisruptionbudget', 'door']);
    await eventually(() => get('poddisruptionbudget', 'door'), 5_000);
  });

  it('names a wrong overlay, and what runs stays', async () => {
    const before = await get('deployment', 'door');
    await apply(overlays('spec: { template: { spec: { contaners: [] } } }'));
    await eventually(async () => {
      expect(conditionOf(await get('gateway', 'door'), 'Accepted')).toMatchObject({
        status: 'False',
        reason: 'InvalidParameters',
        message: expect.stringMatching(
          /^ConfigMap controller-test-shop\/overlays key deployment: spec\.template\.spec\.contaners: unknown field/,
        ) as string,
      });
    }, 5_000);
    // What only the API server finds.
    await apply(overlays(`${READY_POD}      priorityClassName: "not a name"\n`));
    await eventually(async () => {
      expect(conditionOf(await get('gateway', 'door'), 'Programmed')).toMatchObject({
        status: 'False',
        reason: 'Invalid',
        message: expect.stringContaining('priorityClassName') as string,
      });
    }, 5_000);
    expect((await get('deployment', 'door')).metadata.uid).toBe(before.metadata.uid);
    expect((await get('deployment', 'door')).spec).toEqual(before.spec);
    await apply(overlays(READY_POD));
    await eventually(async () => {
      const { status } = await get('gateway', 'door');
      expect(status?.conditions?.map(({ status: value }) => value)).toEqual(['True', 'True']);
    }, 10_000);
  });

  it('never touches what is not its own, and says so', async () => {
    await apply({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'shared', namespace: SHOP },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: 'shared' } },
        template: { metadata: { labels: { app: 'shared' } }, spec: { containers: [{ name: 'c', image: NODE_IMAGE }] } },
      },
    });
    await apply(gateway('shared'));
    await eventually(async () => {
      expect(conditionOf(await get('gateway', 'shared'), 'Programmed')?.message).toBe(
        `Deployment ${SHOP}/shared exists and is not this Gateway's, so it is left alone`,
      );
    }, 5_000);
    expect((await get('deployment', 'shared')).spec).toMatchObject({ selector: { matchLabels: { app: 'shared' } } });
    await cluster.kubectl(['-n', SHOP, 'delete', 'gateway', 'shared']);
  });

  it('names field and reason of a wrong object, and disturbs no other', async () => {
    const policy = (name: string, cidr: string): object => ({
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name, namespace: SHOP },
      spec: { action: 'DENY', rules: [{ from: [{ source: { ipBlocks: [cidr] } }] }] },
    });
    await apply(policy('wrong', '10.0.0.0/8'));
    await eventually(async () => {
      expect(conditionOf(await get('authorizationpolicy', 'wrong'), 'ZtunnelAccepted')?.status).toBe('True');
    });
    await apply(policy('wrong', '10.0.0.0/99'));
    await apply(policy('right', '10.0.0.0/8'));
    await eventually(async () => {
      expect(conditionOf(await get('authorizationpolicy', 'wrong'), 'ZtunnelAccepted')).toMatchObject({
        status: 'False',
        reason: 'Invalid',
        observedGeneration: 2,
        message: expect.stringMatching(
          /^spec\.rules\[0\]\.from\[0\]\.source\.ipBlocks\[0\]: "10\.0\.0\.0\/99".*last good state/,
        ) as string,
      });
      expect(conditionOf(await get('authorizationpolicy', 'right'), 'ZtunnelAccepted')?.status).toBe('True');
    });
  });

  it('says of every object on which nobody acts that this is so, and closes what asks for tokens', async () => {
    const items = notHonouredObjects(SHOP, 'web', 'door');
    await apply({ apiVersion: 'v1', kind: 'List', items });
    await eventually(async () => {
      const { items: now } = JSON.parse(
        await cluster.kubectl(['get', '-o', 'json', '-f', '-'], {
          input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
        }),
      ) as { items: (Thing & { kind: string })[] };
      const accepted = ({ kind, status }: Thing & { kind: string }): string => {
        const lists = [
          status?.conditions,
          ...[status?.parents, status?.ancestors].map((list) => list?.[0]?.conditions),
        ];
        const said = lists.flatMap((list) => list ?? []).find(({ type }) => type.endsWith('Accepted'));
        return `${kind} ${said?.status ?? ''}`;
      };
      expect(now.map(accepted)).toEqual(items.map((item) => `${(item as { kind: string }).kind} False`));
      expect(conditionOf(await get('service', 'web'), 'istio.io/WaypointBound')?.reason).toBe('UnsupportedPolicy');
    }, 20_000);
    await cluster.kubectl(['delete', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
  });

  it('takes away what a waypoint was called before, once it runs under its new name', async () => {
    const made = async (name: string): Promise<string[]> =>
      (await names('deployment,service,serviceaccount,poddisruptionbudget')).filter((each) =>
        each.endsWith(`/${name}`),
      );
    await apply(gateway('named'));
    await eventually(async () => expect((await get('deployment', 'named')).status?.readyReplicas).toBe(2), 60_000);
    await cluster.kubectl(['-n', SHOP, 'annotate', 'gateway', 'named', 'gateway.istio.io/name-override=renamed']);
    await eventually(async () => expect((await made('renamed')).length).toBe(4), 10_000);
    await eventually(async () => expect(await made('named')).toEqual([]), 60_000);
    expect((await get('deployment', 'renamed')).status?.readyReplicas).toBe(2);
    await cluster.kubectl(['-n', SHOP, 'delete', 'gateway', 'named']);
  });

  it('goes on writing when the replica that writes is killed, and the next start knows which waypoints were ready', async () => {
    const leader = replicas.find(({ leads }) => leads);
    await leader?.end('SIGKILL');
    await eventually(() => expect(replicas.filter((other) => other !== leader && other.leads).length).toBe(1), 40_000);
    for (const started of replicas) await started.end();
    replicas = [];
    // Its pods go first, so that none of them is ready any more.
    await cluster.kubectl(['-n', SHOP, 'delete', 'deployment', 'door', '--cascade=foreground']);
    await cluster.kubectl(['-n', SHOP, 'annotate', 'gateway', 'door', 'gateway.istio.io/service-account=nobody']);
    // Nothing becomes ready from here on.
    await apply(overlays(READY_POD.replace('listen(15021)', 'listen(15022)')));
    const next = replica('three');
    await eventually(() => expect(next.leads).toBe(true), 40_000);
    await eventually(async () => {
      const bound = conditionOf(await get('service', 'web'), 'istio.io/WaypointBound');
      expect(bound).toMatchObject({
        status: 'False',
        reason: 'WaypointIsNotReady',
        message: expect.stringContaining('it was ready before, so connections are refused') as string,
      });
      expect((await get('gateway', 'door')).status?.addresses?.length).toBe(2);
    }, 20_000);
  });

  it('takes everything away with the Gateway', async () => {
    await cluster.kubectl(['-n', SHOP, 'delete', 'gateway', 'door', '--timeout=60s']);
    await eventually(async () => {
      const left = await Promise.all(['deployments', 'services', 'poddisruptionbudgets'].map((kind) => names(kind)));
      expect(left.flat().filter((name) => name.endsWith('/door'))).toEqual([]);
    }, 20_000);
    // Nothing is made again behind its back.
    await new Promise((resume) => setTimeout(resume, 2_000));
    expect((await names('deployments')).filter((name) => name.endsWith('/door'))).toEqual([]);
  });

  it('never told more than it may: no request of it was forbidden', () => {
    const forbidden = replicas
      .flatMap(({ lines }) => lines)
      .filter((line) => JSON.stringify(line).includes('FORBIDDEN'));
    expect(forbidden).toEqual([]);
    expect(readFileSync(join(folder, 'kubeconfig'), 'utf8')).not.toContain('client-key');
  });
});
