import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Bed } from './bed.ts';
import type { BedPod } from './pod.ts';
import { ask, eventually, openBed, script, WHO_SERVER } from './test-bed.ts';

const SHOP = `{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}}`;
const LIMIT = 300;
const WANTED = 600;

/** Opens connections, keeps them, and says how many were answered. */
const HOARD = (host: string): string[] =>
  script(`
    import { connect } from 'node:net';
    let answered = 0;
    let failed = 0;
    for (let each = 0; each < ${WANTED}; each += 1) {
      const socket = connect(8080, ${JSON.stringify(host)}, () => socket.write('who\\n'));
      socket.once('data', () => answered += 1);
      socket.on('error', () => failed += 1);
    }
    setInterval(() => console.log(answered + ' answered, ' + failed + ' failed'), 100);
  `);

describe('a pod that opens more connections than its proxy may have descriptors', () => {
  let bed: Bed;
  let close: () => Promise<void>;
  let greedy: BedPod;
  let modest: BedPod;
  let server: BedPod;

  const logOf = (): string => readFileSync(join(bed.logs, `${bed.node('a').proxy.name}.log`), 'utf8');
  const metric = async (name: string): Promise<number> => {
    const line = new RegExp(`^${name} (.*)$`, 'm').exec(await bed.node('a').proxy.metrics());
    return Number(line?.[1]);
  };
  const answers = async (pod: BedPod): Promise<boolean> =>
    (await pod.run(ask(server.ip, 8080))).stdout.startsWith('server saw');

  beforeEach(async () => {
    ({ bed, close } = await openBed({ proxies: { a: { kind: 'ambit' }, b: { kind: 'ambit' } } }));
    bed.apply('shop', SHOP);
    [greedy, modest, server] = await Promise.all([
      bed.node('a').pod({ name: 'greedy', namespace: 'shop' }),
      bed.node('a').pod({ name: 'modest', namespace: 'shop' }),
      bed.node('b').pod({
        ...{ name: 'server', namespace: 'shop', command: WHO_SERVER },
        readinessProbe: { tcpSocket: { port: 8080 } },
      }),
    ]);
    await eventually('the server is reached', () => answers(modest), 10_000);
    execFileSync('prlimit', ['--pid', String(proxyProcess(bed)), `--nofile=${LIMIT}`]);
    await eventually('it takes note', async () => (await metric('ambit_connection_descriptors_room')) < LIMIT);
  });
  afterEach(async () => {
    await close();
  });

  it('leaves the node its others, certificates and numbers, is named once, and goes on when there is room', async () => {
    const hoard = greedy.start(HOARD(server.ip));
    await eventually('connections wait', async () => (await metric('ambit_listeners_waiting')) > 0);
    expect(await metric('process_open_fds')).toBeLessThan(LIMIT);
    expect(hoard.output().trimEnd().split('\n').at(-1)).toMatch(/^[1-9]\d* answered, 0 failed$/);
    expect(await answers(modest)).toBe(true);

    // An identity that the node does not have yet: a certificate has to be asked for.
    const late = await bed.node('a').pod({ name: 'late', namespace: 'shop', serviceAccount: 'late' });
    await eventually('a new pod is served', () => answers(late));
    expect(logOf()).not.toContain('EMFILE');
    expect(logOf().match(/descriptors are short/g)).toHaveLength(1);
    expect(logOf()).toMatch(/descriptors are short.*shop\/greedy: \d\d|shop\/greedy: \d\d.*descriptors are short/);

    hoard.kill();
    await eventually('nothing waits', async () => (await metric('ambit_listeners_waiting')) === 0);
    expect(await answers(greedy)).toBe(true);
  }, 60_000);
});

/** The proxy of node a: its keeper's child. */
function proxyProcess(bed: Bed): number {
  const keeper = bed.node('a').proxy.process?.pid ?? 0;
  for (const task of readdirSync(`/proc/${keeper}/task`)) {
    const [child] = readFileSync(`/proc/${keeper}/task/${task}/children`, 'utf8').trim().split(' ');
    if (child !== undefined && child !== '') return Number(child);
  }
  throw new Error('the keeper has no child');
}
