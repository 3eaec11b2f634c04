import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, script } from '../bed/test-bed.ts';
import { GATE_PORT, openGates } from './test-gate.ts';
import { DIRECTIONS, Mesh, spiffe } from './test-mesh.ts';

/** Stands for somebody else's proxy: dials what the PROXY header names as its destination, and passes on what is behind it. */
const GATE = script(`
  import { connect, createServer } from 'node:net';
  createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (bytes) => {
      const behind = 16 + bytes.readUInt16BE(14);
      const host = bytes.subarray(20, 24).join('.');
      console.log('for ' + bytes.subarray(16, 20).join('.') + ' ' + bytes.subarray(31, behind));
      const upstream = connect({ host, port: bytes.readUInt16BE(26), allowHalfOpen: true });
      upstream.on('error', () => socket.destroy());
      upstream.write(bytes.subarray(behind));
      socket.pipe(upstream).pipe(socket);
    });
  }).listen(${GATE_PORT}, '127.0.0.1');
`);

describe('a sandwiched waypoint between node proxies of ours', () => {
  let mesh: Mesh;

  beforeAll(async () => {
    mesh = await Mesh.open(undefined);
    await openGates(mesh, GATE);
  });
  afterAll(async () => {
    await mesh.close();
  });

  const heard = (node: string): string => mesh.bed.pod(`shop/gate-${node}`).process()?.output() ?? '';

  it.each(DIRECTIONS)(
    'passes on what clients ask for, and is not sent to itself: from $from to $to',
    async ({ from, to }) => {
      const address = mesh.bed.serviceAddress(`behind-${to}.shop`);
      await eventually('the Service is bound, and answers', async () => {
        const before = heard(to).length;
        const answered = await mesh.answers('friend', from, address);
        return answered && heard(to).length > before;
      });
      const before = heard(to).length;
      for (let count = 0; count < 10; count += 1) expect(await mesh.answers('friend', from, address)).toBe(true);
      const told = heard(to).slice(before).trim().split('\n');
      const line = `for ${mesh.pod('friend', from).ip} ${spiffe('shop', 'friend')}`;
      expect(told).toEqual(Array.from({ length: 10 }, () => line));
    },
  );

  it('that is gone lets nobody pass by', async () => {
    const address = mesh.bed.serviceAddress('behind-a.shop');
    await mesh.bed.pod('shop/gate-a').remove();
    await eventually('the Service refuses', async () => !(await mesh.answers('friend', 'b', address)));
    for (let count = 0; count < 10; count += 1) expect(await mesh.answers('friend', 'b', address)).toBe(false);
  });
});
