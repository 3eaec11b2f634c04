import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyInPod } from '@ambit/capture/apply';
import type { PodRedirection } from '@ambit/capture/pod-rules';
import { inNamespace } from '@ambit/native/namespace';
import { runTool } from '@ambit/capture/tools';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bed } from './bed.ts';
import type { BedPod } from './pod.ts';
import { AgreeingProxy, ask, eventually, openBed, script, WHO_SERVER } from './test-bed.ts';

const REDIRECTION: PodRedirection = { dns: true, ipv6: false, bypassInbound: false, virtualInterfaces: [] };

const namespace = (labelled: boolean): string =>
  `{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {${labelled ? 'istio.io/dataplane-mode: ambient' : ''}}}}`;

/** Holds a connection open and says a line each time it is answered. */
const HOLD = (host: string): string[] =>
  script(`
    import { connect } from 'node:net';
    const socket = connect(8080, ${JSON.stringify(host)}, () => setInterval(() => socket.write('who\\n'), 20));
    socket.on('data', () => console.log('alive'));
    socket.on('error', (error) => console.log('broken ' + error.code));
    socket.on('close', () => console.log('broken closed'));
  `);

/** A proxy in the pod that passes on what it is given, as little as there can be: enough to see where traffic goes. */
const OUTBOUND = script(`
  import { createServer } from 'node:net';
  createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => socket.write('through the proxy\\n'));
  }).listen(15001, '0.0.0.0');
`);

describe('enrolment', () => {
  let bed: Bed;
  let reports: string[];
  let close: () => Promise<void>;
  let proxy: AgreeingProxy;

  const isRedirected = (pod: BedPod): boolean =>
    verifyInPod({ namespace: pod.networkNamespace, name: pod.name }, REDIRECTION).length === 0;
  const rulesOf = (pod: BedPod): string =>
    inNamespace(pod.networkNamespace, () => runTool('nft', ['list', 'ruleset'], { purpose: 'look' }));
  const hostTargets = (node: 'a' | 'b'): string =>
    inNamespace(bed.node(node).namespace, () => runTool('nft', ['list', 'ruleset'], { purpose: 'look' }));
  const published = (name: string): string | undefined => {
    const { items } = JSON.parse(readFileSync(join(bed.config.folder, 'bed.status.json'), 'utf8')) as {
      items: { metadata: { name: string; annotations?: Record<string, string> } }[];
    };
    return items.find(({ metadata }) => metadata.name === name)?.metadata.annotations?.['ambient.istio.io/redirection'];
  };

  beforeEach(async () => {
    ({ bed, close, reports } = await openBed());
    proxy = new AgreeingProxy(bed, 'a');
  });
  afterEach(async () => {
    await proxy.close();
    await close();
  });

  it('a pod of a labelled namespace is redirected before anything in it runs', async () => {
    bed.apply('shop', namespace(true));
    const pod = await bed.node('a').pod({
      name: 'web',
      namespace: 'shop',
      command: script(`
      import { connect } from 'node:net';
      connect(80, '10.244.2.9').on('error', (error) => console.log('first ' + error.code));
    `),
    });
    // Nobody listens on 15001: had the connection left the pod, it would wait for an answer that never comes.
    await eventually(
      'the first connection met the proxy',
      () => pod.process()?.output().includes('first ECONNREFUSED') === true,
    );
    expect(pod.enrolment.state).toBe('in');
    expect([...proxy.pods.values()].map(({ name }) => name)).toEqual(['web']);
    await eventually('the controller is told', () => published('web') === 'enabled');
    expect(hostTargets('a')).toContain(`${pod.ip} comment "${pod.uid}"`);
  });

  it('a pod waits for a proxy, and runs when there is one', async () => {
    await proxy.close();
    bed.apply('shop', namespace(true));
    const starting = bed.node('a').pod({ name: 'web', namespace: 'shop', command: WHO_SERVER });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(bed.pod('shop/web').process()).toBeUndefined();
    expect(bed.pod('shop/web').object.status?.phase).toBe('Pending');
    proxy = new AgreeingProxy(bed, 'a');
    await starting;
    expect(bed.pod('shop/web').enrolment.state).toBe('in');
  });

  it('labels take effect live, both ways, and break no open connection', async () => {
    bed.apply('shop', namespace(false));
    const server = await bed
      .node('b')
      .pod({ name: 'server', command: WHO_SERVER, readinessProbe: { tcpSocket: { port: 8080 } } });
    const client = await bed.node('a').pod({ name: 'client', namespace: 'shop' });
    client.start(OUTBOUND);
    const held = client.start(HOLD(server.ip));
    await eventually('the connection speaks', () => held.output().includes('alive'));
    expect(published('client')).toBeUndefined();

    bed.apply('shop', namespace(true));
    await client.enrolment.settled();
    expect(isRedirected(client)).toBe(true);
    expect(published('client')).toBe('enabled');
    expect((await client.run(ask(server.ip, 8080))).stdout).toBe('through the proxy\n');
    const through = client.start(HOLD(server.ip));
    await eventually('the redirected connection speaks', () => through.output().includes('alive'));

    bed.apply('shop', namespace(false));
    await eventually('new connections pass by', async () =>
      (await client.run(ask(server.ip, 8080))).stdout.startsWith('server saw'),
    );
    expect(client.enrolment.state).toBe('leaving');
    await eventually('the controller is told', () => published('client') === undefined);
    const before = through.output().length;
    await eventually('what was redirected still speaks', () => through.output().length > before + 50);
    expect(proxy.pods.size).toBe(1);

    await through.stop(100);
    await client.enrolment.settled();
    expect(client.enrolment.state).toBe('out');
    expect(proxy.pods.size).toBe(0);
    expect(rulesOf(client)).toBe('');
    expect(hostTargets('a')).not.toContain(client.ip);
    expect(held.output() + through.output()).not.toContain('broken');
  });

  it('a pod that comes back while it leaves is redirected again at once', async () => {
    bed.apply('shop', namespace(true));
    const server = await bed.node('b').pod({ name: 'server', command: WHO_SERVER });
    const client = await bed.node('a').pod({ name: 'client', namespace: 'shop' });
    client.start(OUTBOUND);
    await eventually(
      'the proxy listens',
      async () => (await client.run(ask(server.ip, 8080))).stdout === 'through the proxy\n',
    );
    const held = client.start(HOLD(server.ip));
    await eventually('the connection speaks', () => held.output().includes('alive'));
    bed.apply('shop', namespace(false));
    await eventually('it leaves', () => client.enrolment.state === 'leaving');
    bed.apply('shop', namespace(true));
    await client.enrolment.settled();
    expect(client.enrolment.state).toBe('in');
    expect((await client.run(ask(server.ip, 8080))).stdout).toBe('through the proxy\n');
    expect(held.output()).not.toContain('broken');
  });

  it('a pod is enrolled by a label of its own', async () => {
    const pod = await bed.node('a').pod({ name: 'alone', labels: { app: 'alone' } });
    expect(pod.enrolment.state).toBe('out');
    bed.relabel(pod, { app: 'alone', 'istio.io/dataplane-mode': 'ambient' });
    await pod.enrolment.settled();
    expect(isRedirected(pod)).toBe(true);
  });

  it('labels of the pod itself beat those of the namespace; annotations choose what is redirected', async () => {
    bed.apply('shop', namespace(true));
    const [out, quiet] = await Promise.all([
      bed.node('a').pod({ name: 'out', namespace: 'shop', labels: { 'istio.io/dataplane-mode': 'none' } }),
      bed.node('a').pod({
        name: 'quiet',
        namespace: 'shop',
        annotations: { 'ambient.istio.io/dns-capture': 'false', 'ambient.istio.io/bypass-inbound-capture': 'true' },
      }),
    ]);
    expect(out.enrolment.state).toBe('out');
    expect(rulesOf(out)).toBe('');
    const own = { ...REDIRECTION, dns: false, bypassInbound: true };
    expect(verifyInPod({ namespace: quiet.networkNamespace, name: 'quiet' }, own)).toEqual([]);
  });

  it('probes reach an enrolled pod under the probe address, although nobody serves its plaintext port', async () => {
    bed.apply('shop', namespace(true));
    const pod = await bed.node('a').pod({
      name: 'web',
      namespace: 'shop',
      command: script(`
        import { createServer } from 'node:http';
        createServer((request, response) => { console.log('probed from ' + request.socket.remoteAddress); response.end(); }).listen(8080, '0.0.0.0');
      `),
      readinessProbe: { httpGet: { path: '/', port: 8080 } },
    });
    expect(pod.process()?.output()).toContain('probed from 169.254.7.127');
    expect(pod.ready).toBe(true);
  });

  it('rules that something else removed are written again', async () => {
    bed.apply('shop', namespace(true));
    const pod = await bed.node('a').pod({ name: 'web', namespace: 'shop' });
    for (const namespace of [pod.networkNamespace, bed.node('a').namespace]) {
      inNamespace(namespace, () => runTool('nft', ['flush', 'ruleset'], { purpose: 'spoil' }));
    }
    expect(isRedirected(pod)).toBe(false);
    bed.repairRules();
    expect(isRedirected(pod)).toBe(true);
    expect(hostTargets('a')).toContain(`${pod.ip} comment "${pod.uid}"`);
    expect(reports.join('\n')).toMatch(
      /pod shop\/web cannot keep its rules: table inet istio-ambient-nat is missing.*\n.*node a/,
    );
    bed.repairRules();
    expect(reports).toHaveLength(2);
  });

  it('a deleted pod is forgotten by proxy and node', async () => {
    bed.apply('shop', namespace(true));
    const pod = await bed.node('a').pod({ name: 'web', namespace: 'shop', command: WHO_SERVER });
    await bed.delete(pod, 100);
    expect(proxy.pods.size).toBe(0);
    expect(hostTargets('a')).not.toContain(pod.ip);
    await eventually('the controller is told', () => published('web') === undefined);
  });
});
