import { AmbitError } from '@ambit/core/errors';
import { readdirSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { TestBed } from './test-bed.ts';

let bed: TestBed;
afterEach(() => {
  bed.dispose();
});

const descriptors = (): number => readdirSync('/proc/self/fd').length;

it('tunnels leave nothing behind, however they end', () => {
  bed = new TestBed();
  const warm = bed.join();
  warm.clientRelay.cut(new AmbitError('AMBIT_TEST', 'over'));
  bed.loop.until(() => warm.server.ended !== undefined);
  warm.client.close();
  warm.server.close();
  bed.loop.pass(20);
  const before = descriptors();
  const endings: ((joined: ReturnType<TestBed['join']>) => void)[] = [
    ({ client, server }) => {
      client.finish();
      server.finish();
    },
    ({ client }) => {
      client.reset();
    },
    ({ server }) => {
      server.reset();
    },
    ({ clientRelay }) => {
      clientRelay.cut(new AmbitError('AMBIT_TEST', 'over'));
    },
    ({ client, server, serverRelay }) => {
      server.pause();
      client.pour(3 << 20);
      bed.loop.pass(20);
      serverRelay.cut(new AmbitError('AMBIT_TEST', 'over'));
    },
  ];
  for (let round = 0; round < 60; round++) {
    const joined = bed.join();
    joined.client.send('some bytes');
    endings[round % endings.length]?.(joined);
    bed.loop.until(() => joined.clientOutcome !== undefined && joined.serverOutcome !== undefined);
    joined.client.close();
    joined.server.close();
    const [attempt, incoming] = bed.ask();
    if (round % 2 === 0) attempt.pending?.cancel();
    else incoming.refuse(503, []);
  }
  bed.loop.pass(30);
  expect(descriptors()).toBe(before);
  expect(bed.pool.connections).toBe(1);
  bed.pool.drain();
  bed.loop.until(() => bed.pool.connections === 0 && bed.server.connections === 0);
  bed.loop.pass(30);
  expect(bed.reactor.buffers.lent).toBe(0);
  // Both ends of the one connection.
  expect(descriptors()).toBe(before - 2);
  expect(bed.loop.errors).toEqual([]);
});
