import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runTool } from '@ambit/capture/tools';
import { inNamespace } from '@ambit/native/namespace';
import { echoServer, OpenConnections } from './test-connections.ts';
import { buildPlugin, TestNode, type TestPod, TestProxy, until } from './test-node.ts';

const AMBIENT = { 'istio.io/dataplane-mode': 'ambient' };

describe('the node agent', () => {
  let built: string;
  let node: TestNode;
  let proxy: TestProxy;

  const isRedirected = (pod: TestPod): boolean => node.rules(pod.namespace).includes('chain istio-output');
  const error = (stdout: string): { code: number; msg: string } => JSON.parse(stdout) as { code: number; msg: string };

  beforeAll(async () => {
    built = mkdtempSync(join(tmpdir(), 'plugin-'));
    await buildPlugin(join(built, 'ambit-cni'));
  }, 120_000);
  afterAll(() => rmSync(built, { recursive: true }));
  beforeEach(async () => {
    node = new TestNode(join(built, 'ambit-cni'));
    await node.start();
    proxy = new TestProxy(node.zdsSocket);
  });
  afterEach(async () => {
    await proxy.close();
    await node.close();
  });

  it('a new pod starts when it is served and redirected, within 150 ms', async () => {
    await node.startAgent();
    const times: number[] = [];
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) {
      const pod = node.sandbox(name);
      const { status, stdout, milliseconds } = await node.cni('ADD', pod);
      expect(JSON.parse(stdout)).toMatchObject({ ips: [{ address: `${pod.ip}/32` }] });
      expect(status).toBe(0);
      expect(isRedirected(pod)).toBe(true);
      expect(proxy.listeners.has(pod.uid)).toBe(true);
      expect(node.rules()).toContain(`${pod.ip} comment "${pod.uid}"`);
      await until('the controller is told', () => node.api.annotation(`shop/${name}`) === 'enabled');
      times.push(milliseconds);
    }
    // The middle one: what else runs on the machine is not its fault.
    expect(times.toSorted((one, other) => one - other)[3]).toBeLessThan(150);
  });

  it('pods that do not belong into the mesh start untouched, those labelled themselves do not', async () => {
    await node.startAgent();
    const plain = node.sandbox('plain', 'plain');
    const own = node.sandbox('own', 'plain', { labels: AMBIENT });
    const out = node.sandbox('out', 'shop', { labels: { 'istio.io/dataplane-mode': 'none' } });
    for (const [pod, namespace] of [
      [plain, 'plain'],
      [own, 'plain'],
      [out, 'shop'],
    ] as const) {
      expect((await node.cni('ADD', pod, namespace)).status).toBe(0);
    }
    expect([plain, own, out].map(isRedirected)).toEqual([false, true, false]);
    expect(proxy.notes).toEqual(['02 own']);
  });

  it('without a node proxy a new pod waits, is told why, and starts when there is one', async () => {
    await proxy.close();
    await node.startAgent();
    const pod = node.sandbox('web');
    const { status, stdout } = await node.cni('ADD', pod);
    expect(status).toBe(1);
    expect(error(stdout)).toMatchObject({ code: 11 });
    expect(error(stdout).msg).toMatch(
      /pod shop\/web is not in the mesh yet: AMBIT_CNI_NOT_SERVED: .*no ztunnel is connected to the node agent; is the ztunnel pod of this node running\?/,
    );
    expect((await node.cni('ADD', node.sandbox('other', 'plain'), 'plain')).status).toBe(0);
    proxy = new TestProxy(node.zdsSocket);
    proxy.refusal = 'no port is free';
    expect(error((await node.cni('ADD', pod)).stdout).msg).toContain('no port is free');
    proxy.refusal = undefined;
    expect((await node.cni('ADD', pod)).status).toBe(0);
    expect(isRedirected(pod)).toBe(true);
  });

  it('what a proxy reset of a pod that had run before is an event of the pod', async () => {
    await node.startAgent();
    const pod = node.sandbox('web');
    expect((await node.cni('ADD', pod)).status).toBe(0);
    node.run(pod);
    await until('the proxy knows that plaintext is redirected', () => proxy.redirected.has(pod.uid));
    proxy.client.tellConnectionsReset(pod.uid, 'a plaintext connection: reset');
    await until('there is an event', () => node.api.events.includes('a plaintext connection: reset'));
    // Before anything may pass it by again, the proxy knows.
    node.api.put('Namespace', { name: 'shop', labels: {} });
    await until('the pod leaves', () => !isRedirected(pod));
    expect(proxy.redirected.has(pod.uid)).toBe(false);
  });

  it('labels take effect on running pods, both ways, and cut none of 100 open connections', async () => {
    await node.startAgent();
    const pod = node.sandbox('web', 'plain');
    const server = await echoServer('10.50.0.1', 80);
    const connections = new OpenConnections();
    try {
      expect((await node.cni('ADD', pod, 'plain')).status).toBe(0);
      node.run(pod, 'plain');
      connections.open(pod.namespace, { ip: '10.50.0.1', port: 80 }, 100);
      expect(await connections.answering()).toBe(100);

      node.api.put('Namespace', { name: 'plain', labels: AMBIENT });
      await until('it is in the mesh', () => isRedirected(pod) && node.api.annotation('plain/web') === 'enabled');
      expect(proxy.listeners.has(pod.uid)).toBe(true);
      expect(await connections.answering()).toBe(100);

      node.api.put('Namespace', { name: 'plain', labels: {} });
      await until('it is out', () => proxy.notes.includes('-01') && node.rules(pod.namespace) === '');
      expect(node.api.annotation('plain/web')).toBeUndefined();
      expect(node.rules()).not.toContain(pod.ip);
      expect(await connections.answering()).toBe(100);
      expect(connections.broken).toEqual([]);
    } finally {
      connections.close();
      server.close();
    }
  });

  it('an agent that restarts keeps what is in the mesh, lets go what left it meanwhile, and takes in what joined', async () => {
    await node.startAgent();
    const pods = ['stays', 'leaves', 'joins'].map((name) => {
      const pod = node.sandbox(name, 'plain', name === 'joins' ? {} : { labels: AMBIENT });
      return pod;
    });
    for (const pod of pods) {
      expect((await node.cni('ADD', pod, 'plain')).status).toBe(0);
      node.run(pod, 'plain');
    }
    const [stays, leaves, joins] = pods as [TestPod, TestPod, TestPod];
    await until('both are marked', () => node.api.annotation('plain/leaves') === 'enabled');
    const before = node.rules(stays.namespace);
    await node.stopAgent('SIGKILL');
    node.api.put('Pod', { name: 'leaves', namespace: 'plain', labels: {} });
    node.api.put('Pod', { name: 'joins', namespace: 'plain', labels: AMBIENT });
    await node.startAgent();
    await until('one left', () => node.rules(leaves.namespace) === '' && proxy.notes.includes('-02'));
    await until('one joined', () => isRedirected(joins) && node.api.annotation('plain/joins') === 'enabled');
    expect(node.rules(stays.namespace)).toBe(before);
    expect(node.rules()).toContain(`${stays.ip} comment "${stays.uid}"`);
    expect(proxy.notes).toEqual(['01 stays', '02 leaves', '03 joins', '-02']);
  });

  it.each([
    ['before', true],
    ['after', false],
  ])(
    'an annotation alone proves nothing: a pod without rules that starts %s the agent is enrolled again, and named',
    async (_, runs) => {
      const pod = node.sandbox('web', 'shop', { annotations: { 'ambient.istio.io/redirection': 'enabled' } });
      if (runs) node.run(pod);
      await node.startAgent({ RECONCILE_INTERVAL_SECONDS: '1' });
      if (!runs) node.run(pod);
      await until('it is redirected', () => isRedirected(pod));
      expect(proxy.listeners.has(pod.uid)).toBe(true);
      await until('it is named', () => node.api.events.length > 0);
      expect(node.api.events.join('\n')).toMatch(
        /pod shop\/web has run outside of the mesh although it is marked as redirected/,
      );
    },
  );

  it('a process that points to the namespace of another pod does not give the pod its identity', async () => {
    const [web, victim] = [node.sandbox('web'), node.sandbox('victim', 'plain')];
    node.run(web);
    unlinkSync(node.processLink(web));
    symlinkSync(`/proc/${process.pid}/fd/${victim.namespace}`, node.processLink(web));
    await node.startAgent({ RECONCILE_INTERVAL_SECONDS: '1' });
    await until('it is named', () => node.api.events.some((text) => text.includes('shop/web')));
    expect(node.api.events.join('\n')).toContain(`the namespace has not the address ${web.ip} of the pod`);
    expect(proxy.notes).toEqual([]);
    expect(node.rules(victim.namespace)).toBe('');
  });

  it('one bad pod holds up no other, and is named', async () => {
    await node.startAgent({ RECONCILE_INTERVAL_SECONDS: '1' });
    const bad = node.sandbox('bad', 'shop', { annotations: { 'istio.io/reroute-virtual-interfaces': 'tap0;flush' } });
    const good = node.sandbox('good');
    const waiting = node.cni('ADD', bad);
    expect((await node.cni('ADD', good)).status).toBe(0);
    const { status, stdout } = await waiting;
    expect(status).toBe(1);
    expect(error(stdout).msg).toContain('istio.io/reroute-virtual-interfaces');
    await until('an event', () => node.api.events.some((text) => text.includes('reroute-virtual-interfaces')));
  });

  it('what others removed is put back within a round: rules of pod and node, the mark, the listeners', async () => {
    await node.startAgent({ RECONCILE_INTERVAL_SECONDS: '1' });
    const pod = node.sandbox('web');
    expect((await node.cni('ADD', pod)).status).toBe(0);
    node.run(pod);
    await until('it is marked', () => node.api.annotation('shop/web') === 'enabled');
    for (const spoil of [() => inNamespace(pod.namespace, flush), flush]) spoil();
    node.api.put('Pod', { name: 'web', namespace: 'shop', annotations: {} });
    await until(
      'all is back',
      () => isRedirected(pod) && node.rules().includes(pod.ip) && node.api.annotation('shop/web') === 'enabled',
    );
    proxy.deafen(pod.uid);
    await until('it is named', () => node.api.events.some((text) => text.includes('nobody listens on the proxy')));
    await until('it is served again', () => proxy.listeners.has(pod.uid));
    const metrics = await (await fetch('http://127.0.0.1:15014/metrics')).text();
    for (const type of ['pod_rules', 'host_rules', 'annotation', 'listeners'])
      expect(metrics).toContain(`nodeagent_reconcile_events_total{type="${type}"}`);
    expect((await fetch('http://127.0.0.1:8000/readyz')).status).toBe(200);
  });

  it('with the API server away pods that are known start, others of the mesh wait, and the rest is let through', async () => {
    await node.startAgent();
    const known = node.sandbox('known');
    // Until the agent has seen it.
    await new Promise((resolve) => setTimeout(resolve, 100));
    await node.api.stop();
    const unknown = node.sandbox('unknown');
    const plain = node.sandbox('plain', 'plain');
    const [one, two, three] = await Promise.all([
      node.cni('ADD', known),
      node.cni('ADD', unknown),
      node.cni('ADD', plain, 'plain'),
    ]);
    expect([one.status, two.status, three.status]).toEqual([0, 1, 0]);
    expect(error(two.stdout).msg).toMatch(/AMBIT_CNI_(API|POD)/);
    expect(isRedirected(known)).toBe(true);
    await node.stopAgent();
    await node.startAgent({}, false);
    await until('it says what it waits for', () => existsSync(join(node.directory, 'run/pluginevent.sock')));
    expect(await (await fetch('http://127.0.0.1:8000/readyz')).text()).toContain('the API server');
    expect(error((await node.cni('ADD', node.sandbox('late'))).stdout).msg).toContain('the API server does not answer');
    expect((await node.cni('ADD', node.sandbox('free', 'plain'), 'plain')).status).toBe(0);
    expect(proxy.listeners.has(known.uid)).toBe(true);
    await node.api.start();
  });

  it('the mesh leaves the node when its DaemonSet says so: nothing remains; and comes back when that is taken back', async () => {
    await node.startAgent({ RECONCILE_INTERVAL_SECONDS: '1' });
    const own = (): unknown => node.api.annotation('istio-system/istio-cni-node-x', 'ambit.io/uninstalled');
    const config = (): string => readFileSync(join(node.configs, '10-net.conflist'), 'utf8');
    const mark = (annotations: Record<string, string>): void =>
      node.api.put('DaemonSet', { name: 'istio-cni-node', namespace: 'istio-system', annotations });
    const pod = node.sandbox('web');
    expect((await node.cni('ADD', pod)).status).toBe(0);
    node.run(pod);
    await until('it is marked', () => node.api.annotation('shop/web') === 'enabled');
    mark({ 'ambit.io/uninstall': 'try-1', 'ambit.io/uninstall-drain': '5s' });
    await until('new pods do not wait any more', () => !config().includes('ambit-cni'));
    expect((await node.cni('ADD', node.sandbox('later'))).status).toBe(0);
    await until('it says so', () => own() === 'try-1');
    expect(node.rules(pod.namespace) + node.rules()).toBe('');
    expect(node.api.annotation('shop/web')).toBeUndefined();
    expect(existsSync(join(node.directory, 'run/namespaces.json'))).toBe(false);
    expect(existsSync(join(node.directory, 'bin/ambit-cni'))).toBe(false);
    expect((await fetch('http://127.0.0.1:8000/readyz')).status).toBe(200);
    mark({ 'ambit.io/uninstall': 'try-2' });
    await until('it says so again', () => own() === 'try-2');
    // Longer than a round of proofs.
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    expect(node.rules()).toBe('');
    mark({});
    await until('all is back', () => isRedirected(pod) && config().includes('ambit-cni') && own() === undefined);
    expect(node.api.annotation('shop/web')).toBe('enabled');
    expect(node.rules()).toContain(pod.ip);
  });

  it.each([
    ['is replaced', false],
    ['is gone for good', true],
  ])('the plugin stays exactly as long as agents do: the agent %s', async (_name, gone) => {
    await node.startAgent();
    const pod = node.sandbox('web');
    expect((await node.cni('ADD', pod)).status).toBe(0);
    if (gone) {
      node.api.remove('DaemonSet', 'istio-cni-node', 'istio-system');
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await node.stopAgent();
    expect(readFileSync(join(node.configs, '10-net.conflist'), 'utf8').includes('ambit-cni')).toBe(!gone);
    expect(isRedirected(pod)).toBe(true);
    expect(proxy.listeners.has(pod.uid)).toBe(true);
  });

  it('a pod whose sandbox is made anew is served in its new namespace alone', async () => {
    await node.startAgent();
    const first = node.sandbox('web');
    expect((await node.cni('ADD', first)).status).toBe(0);
    node.run(first);
    await until('it is marked', () => node.api.annotation('shop/web') === 'enabled');
    const second = { ...node.sandbox('web-again'), name: 'web', uid: first.uid };
    expect((await node.cni('ADD', second)).status).toBe(0);
    expect(isRedirected(second)).toBe(true);
    await until('the old one is let go', () => proxy.notes.length === 3);
    expect(node.rules()).toContain(`${second.ip} comment "${first.uid}"`);
    expect(node.rules()).not.toContain(`${first.ip} comment`);
    // The API server still has the old address for a while.
    node.api.put('Pod', { name: 'web', namespace: 'shop', labels: { version: '2' } });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(proxy.listeners.has(first.uid)).toBe(true);
    expect(proxy.notes).toHaveLength(3);
  });

  it('a deleted pod is forgotten by proxy and node', async () => {
    await node.startAgent();
    const pod = node.sandbox('web');
    expect((await node.cni('ADD', pod)).status).toBe(0);
    node.api.remove('Pod', 'web', 'shop');
    await until('it is forgotten', () => proxy.notes.includes('-01') && !node.rules().includes(pod.ip));
  });
});

function flush(): void {
  runTool('nft', ['flush', 'ruleset'], { purpose: 'spoil' });
}
