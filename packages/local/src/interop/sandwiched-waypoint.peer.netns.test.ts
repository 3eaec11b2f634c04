import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, script } from '../bed/test-bed.ts';
import { SERVER_PORTS } from '../check/clients/options.ts';
import { DIRECTIONS, Mesh, spiffe } from './test-mesh.ts';
import { STOCK_ZTUNNEL } from './test-peer.ts';
import { GATE_PORT, openGates } from './test-gate.ts';

/** Stands for somebody else's gateway: says what it is told first, and answers by itself. */
const GATE = script(`
  import { createServer } from 'node:net';
  createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (bytes) => {
      console.log('told ' + bytes.toString('hex'));
      socket.end('from the gate');
    });
  }).listen(${GATE_PORT}, '127.0.0.1');
`);

describe('a sandwiched waypoint, ours on node a, the stock ztunnel on node b', () => {
  let mesh: Mesh;

  beforeAll(async () => {
    mesh = await Mesh.open(STOCK_ZTUNNEL);
    await openGates(mesh, GATE);
  });
  afterAll(async () => {
    await mesh.close();
  });

  const hex = (ip: string): string => Buffer.from(ip.split('.').map(Number)).toString('hex');

  it.each(DIRECTIONS)('is told by either who asks, and for what: $way', async ({ from, to }) => {
    const pod = mesh.bed.pod(`shop/gate-${to}`);
    const address = mesh.bed.serviceAddress(`behind-${to}.shop`);
    await eventually('the Service is bound', async () => {
      return (await mesh.ask('friend', from, address, 'hello\n')).answer === 'from the gate';
    });
    const talk = mesh.talk('friend', from, address, 'echoOnce').send('hello\n');
    expect((await talk.finished()).toString()).toBe('from the gate');

    const principal = Buffer.from(spiffe('shop', 'friend')).toString('hex');
    const port = SERVER_PORTS.echoOnce.toString(16).padStart(4, '0');
    const length = (12 + 3 + principal.length / 2).toString(16).padStart(4, '0');
    const told = (pod.process()?.output() ?? '').split('\n').findLast((line) => line.startsWith('told '));
    // Bytes of the client may have come with it or behind it.
    expect(told).toMatch(
      new RegExp(
        `^told 0d0a0d0a000d0a515549540a2111${length}${hex(mesh.pod('friend', from).ip)}${hex(address)}[0-9a-f]{4}${port}` +
          `d000${(principal.length / 2).toString(16).padStart(2, '0')}${principal}(?:68656c6c6f0a)?$`,
      ),
    );
  });
});
