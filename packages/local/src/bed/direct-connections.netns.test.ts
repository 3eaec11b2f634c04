import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyInPod } from '@ambit/capture/apply';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Bed } from './bed.ts';
import type { BedPod } from './pod.ts';
import type { NamespacedProcess } from './process.ts';
import { eventually, openBed, script } from './test-bed.ts';

const namespace = (labelled: boolean): string =>
  `{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {${labelled ? 'istio.io/dataplane-mode: ambient' : ''}}}}`;
const mtls = (mode: 'PERMISSIVE' | 'STRICT'): string => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: ${mode}}}
`;
const REDIRECTION = { dns: true, ipv6: false, bypassInbound: false, virtualInterfaces: [] };

/** Answers what it is sent, and says how its connections end. Dual-stack, as most servers are. */
const SERVER = script(`
  import { createServer } from 'node:net';
  createServer((socket) => {
    socket.on('error', (error) => console.log('ended ' + error.code));
    socket.on('data', () => socket.write('here\\n'));
  }).listen(8080);
`);
/** Holds a connection open and says a line each time it is answered. */
const hold = (host: string): string[] =>
  script(`
    import { connect } from 'node:net';
    const socket = connect(8080, ${JSON.stringify(host)}, () => setInterval(() => socket.write('who\\n'), 20));
    socket.on('data', () => console.log('alive'));
    socket.on('error', (error) => console.log('broken ' + error.code));
  `);

describe('a connection that is open in plaintext when its pod is enrolled', () => {
  let bed: Bed;
  let close: () => Promise<void>;
  let reports: string[];
  let server: BedPod;
  let client: BedPod;
  let held: NamespacedProcess;

  const start = async (annotations: Record<string, string> = {}): Promise<void> => {
    bed.apply('shop', namespace(false));
    [client, server] = await Promise.all([
      bed.node('a').pod({ name: 'client' }),
      bed.node('b').pod({
        ...{ name: 'server', namespace: 'shop', command: SERVER, annotations },
        readinessProbe: { tcpSocket: { port: 8080 } },
      }),
    ]);
    held = client.start(hold(server.ip));
    await eventually('the connection speaks', () => held.output().includes('alive'));
  };
  const enrol = async (): Promise<void> => {
    bed.apply('shop', namespace(true));
    await server.enrolment.settled();
    expect(server.enrolment.state).toBe('in');
  };
  const speaks = async (process: NamespacedProcess): Promise<void> => {
    const before = process.output().length;
    await eventually('it still speaks', () => process.output().length > before + 50);
    expect(process.output()).not.toContain('broken');
  };
  const isBroken = (process: NamespacedProcess): boolean => process.output().includes('broken ECONNRESET');
  const pass = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

  beforeEach(async () => {
    ({ bed, close, reports } = await openBed({ proxies: { a: { kind: 'ambit' }, b: { kind: 'ambit' } } }));
  });
  afterEach(async () => {
    await close();
  });

  it('under STRICT is reset within a second, and named', async () => {
    bed.apply('mtls', mtls('STRICT'));
    await start();
    await enrol();
    await eventually('it is reset', () => isBroken(held), 1_000);
    expect(server.process()?.output()).toContain('ended ECONNABORTED');
    await eventually('it is reported', () => reports.length > 0);
    expect(reports.join('\n')).toMatch(
      new RegExp(
        `AMBIT_PLAINTEXT_RESET pod ${server.uid} of node b: a plaintext connection from ${client.ip}:\\d+ older than the enrolment of the pod: reset, denied by PeerAuthentication shop/default,`,
      ),
    );
    const { proxy } = bed.node('b');
    expect(await proxy.metrics()).toMatch(/^ambit_direct_connections_forbidden_total\{result="reset"\} 1$/m);
    const log = readFileSync(join(bed.logs, `${proxy.name}.log`), 'utf8');
    const [line = ''] = log.split('\n').filter((text) => text.includes('was open before the pod was enrolled'));
    expect(line).toContain(`src.addr=${client.ip}:`);
    expect(line).toContain(`dst.addr=${server.ip}:8080 dst.workload="server" dst.namespace="shop"`);
    expect(line).toContain('response_flags="DENY"');
    expect(line).toContain('reason="AMBIT_POLICY_DENIED"');
  });

  it('under PERMISSIVE lives, until STRICT comes, and with it what is outside of the mesh again', async () => {
    bed.apply('mtls', mtls('PERMISSIVE'));
    await start();
    await enrol();
    await pass(1_500);
    await speaks(held);
    bed.apply('mtls', mtls('STRICT'));
    await eventually('it is reset', () => isBroken(held), 2_000);

    bed.apply('mtls', mtls('PERMISSIVE'));
    bed.apply('shop', namespace(false));
    await eventually('new connections pass by', () => {
      const pod = { namespace: server.networkNamespace, name: server.name };
      return server.enrolment.state !== 'in' && verifyInPod(pod, REDIRECTION).length > 0;
    });
    const direct = client.start(hold(server.ip));
    await eventually('a direct connection speaks', () => direct.output().includes('alive'));
    bed.apply('mtls', mtls('STRICT'));
    await pass(1_500);
    await speaks(direct);
  });

  it('of a pod whose inbound traffic is not redirected lives, whatever the policies', async () => {
    bed.apply('mtls', mtls('STRICT'));
    await start({ 'ambient.istio.io/bypass-inbound-capture': 'true' });
    await enrol();
    await pass(1_500);
    await speaks(held);
  });

  it('is reset by a proxy that has just started, too, and what passes through proxies is not', async () => {
    bed.apply('mtls', mtls('PERMISSIVE'));
    await start();
    await enrol();
    // One through the mesh, one of the pod with itself.
    const inside = await bed.node('a').pod({ name: 'inside', namespace: 'shop' });
    const through = [inside.start(hold(server.ip)), server.start(hold(server.ip))];
    await eventually('they speak', () => through.every((process) => process.output().includes('alive')));
    const old = bed.node('b').proxy;
    await bed.startProxy('b', { kind: 'ambit' });
    await pass(500);
    bed.apply('mtls', mtls('STRICT'));
    await eventually('it is reset', () => isBroken(held), 3_000);
    for (const process of through) await speaks(process);
    await bed.stopProxy('b', old, 1_000);
  });
});
