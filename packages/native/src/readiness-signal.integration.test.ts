import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { close } from './descriptor.ts';
import { allocate } from './memory.ts';
import { watchBySignal } from './readiness-signal.ts';
import { receivePacket, sendPacket, seqpacketPair } from './unix-socket.ts';

const memory = allocate(64);

describe('a socket watched by signal', () => {
  let ours: number;
  let theirs: number;
  let calls: number;
  let wake: (() => void) | undefined;
  let end: () => void;

  beforeEach(() => {
    [ours, theirs] = seqpacketPair();
    calls = 0;
    end = watchBySignal(ours, () => {
      calls += 1;
      wake?.();
    });
  });
  afterEach(() => {
    end();
    close(ours);
    close(theirs);
  });

  const called = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });

  it('calls for every packet that comes to an empty queue', async () => {
    for (let count = 1; count <= 3; count += 1) {
      const next = called();
      sendPacket(theirs, memory.address, count);
      await next;
      expect(receivePacket(ours, memory.address, 64, 0)).toBe(count);
    }
  });

  it('calls when the peer closes', async () => {
    const next = called();
    close(theirs);
    await next;
    expect(receivePacket(ours, memory.address, 64, 0)).toBe(0);
    theirs = seqpacketPair()[0];
  });

  it('does not call once ended, and the process lives on', async () => {
    end();
    sendPacket(theirs, memory.address, 1);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(calls).toBe(0);
  });

  it('is refused on a worker thread, where no signal would ever come', async () => {
    const module = JSON.stringify(new URL('./readiness-signal.ts', import.meta.url).href);
    const worker = new Worker(`import(${module}).then(({ watchBySignal }) => watchBySignal(0, () => undefined))`, {
      eval: true,
    });
    const error = await new Promise((resolve) => worker.on('error', resolve));
    expect(error).toMatchObject({ code: 'AMBIT_READINESS_SIGNAL' });
  });
});
