import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AmbitError } from '@ambit/core/errors';
import { ECONNRESET, EPIPE } from '@ambit/native/errno';
import { allocate } from '@ambit/native/memory';
import { SHUT_WR, recv, send, shutdown } from '@ambit/native/socket';
import { setBufferSizes, setResetOnClose } from '@ambit/native/socket-option';
import { TcpRelay } from './relay.ts';
import { TestLoop } from './test-loop.ts';

interface Outcome {
  up: number;
  down: number;
  error: AmbitError | undefined;
}

let loop: TestLoop;
let openFiles: number;
/** The application ends; the relay sits between them. */
let left: number;
let right: number;
let relay: TcpRelay;
let outcome: Outcome | undefined;
const memory = allocate(1_000_000);

beforeEach(() => {
  openFiles = readdirSync('/proc/self/fd').length;
  loop = new TestLoop();
  outcome = undefined;
  const [leftEnd, a] = loop.tcpPair();
  const [rightEnd, b] = loop.tcpPair();
  left = leftEnd;
  right = rightEnd;
  for (const fd of [left, a, b, right]) setBufferSizes(fd, { send: 65_536, receive: 65_536 });
  relay = new TcpRelay(loop.reactor, a, b, (up, down, error) => {
    expect(outcome).toBeUndefined();
    outcome = { up, down, error };
  });
});
afterEach(() => {
  loop.reactor.close(left);
  loop.reactor.close(right);
  expect(loop.reactor.buffers.lent).toBe(0);
  loop.reactor.dispose();
  expect(loop.errors).toEqual([]);
  expect(readdirSync('/proc/self/fd').length).toBe(openFiles);
});

/** Sends all of it from one end and receives it at the other, in the given pieces. */
function transfer(from: number, to: number, bytes: Buffer, pieces: readonly number[] = [65_536]): void {
  bytes.copy(memory.bytes);
  const hash = createHash('sha256');
  const into = allocate(65_536);
  let sent = 0;
  let received = 0;
  let piece = 0;
  loop.until(() => {
    const size = Math.min(pieces[piece % pieces.length] ?? 1, bytes.length - sent);
    if (size > 0) {
      const count = send(from, memory.address + sent, size);
      if (count > 0) {
        sent += count;
        piece += 1;
      }
    }
    for (;;) {
      const count = recv(to, into.address, 65_536);
      if (count <= 0) break;
      hash.update(into.bytes.subarray(0, count));
      received += count;
    }
    return received === bytes.length;
  }, 20_000);
  expect(hash.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
}

describe('a TCP relay', () => {
  it('carries bytes unchanged both ways, in whatever pieces', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 600_000 }),
        fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        (length, pieces, forth) => {
          const bytes = Buffer.alloc(length, `piece of ${length} `);
          transfer(forth ? left : right, forth ? right : left, bytes, pieces);
        },
      ),
      { numRuns: 15 },
    );
    relay.destroy();
    expect(outcome?.error).toBeUndefined();
  });

  it('counts the bytes of each direction and ends when both sides have', () => {
    transfer(left, right, Buffer.alloc(100_000, 'a'));
    transfer(right, left, Buffer.alloc(300_000, 'b'));
    shutdown(left, SHUT_WR);
    shutdown(right, SHUT_WR);
    loop.until(() => outcome !== undefined);
    expect(outcome).toEqual({ up: 100_000, down: 300_000, error: undefined });
    expect([relay.bytesAToB, relay.bytesBToA]).toEqual([100_000, 300_000]);
  });

  it('passes the end of one side on and lets the other go on sending', () => {
    shutdown(left, SHUT_WR);
    loop.until(() => recv(right, memory.address, 10) === 0);
    transfer(right, left, Buffer.alloc(200_000, 'an answer after the question was closed '));
    expect(outcome).toBeUndefined();
    loop.reactor.close(right);
    loop.until(() => outcome !== undefined);
    expect(outcome).toEqual({ up: 0, down: 200_000, error: undefined });
  });

  it('delivers everything before the end', () => {
    memory.bytes.fill('tail ');
    const sent = send(left, memory.address, 30_000);
    shutdown(left, SHUT_WR);
    let received = 0;
    loop.until(() => {
      const count = recv(right, memory.address, 10_000);
      received += Math.max(count, 0);
      return count === 0;
    });
    expect(received).toBe(sent);
  });

  it.each(['idle', 'congested', 'half-closed'])('passes a reset on as a reset (%s)', (state) => {
    if (state === 'half-closed') shutdown(left, SHUT_WR);
    if (state === 'congested') {
      let sent = 0;
      for (let turns = 0; turns < 50; turns += 1) {
        sent += Math.max(send(right, memory.address, 500_000), 0);
        loop.reactor.runTurn(1);
      }
      expect(sent).toBeGreaterThan(0);
    }
    loop.pass(20);
    setResetOnClose(left);
    loop.reactor.close(left);
    loop.until(() => outcome !== undefined);
    expect(outcome?.error?.message).toMatch(/ECONNRESET|EPIPE/);
    // A side that has seen the end of the stream already learns of the reset when it sends.
    const seen = state === 'half-closed' ? -EPIPE : -ECONNRESET;
    loop.until(() => {
      const result = state === 'half-closed' ? send(right, memory.address, 1) : recv(right, memory.address, 1_000_000);
      return result === seen;
    });
  });

  it('stops reading from a side whose counterpart does not read, and goes on later', () => {
    memory.bytes.fill('pressure ');
    let sent = 0;
    let stalled = 0;
    while (stalled < 20) {
      const count = send(left, memory.address, 100_000);
      if (count > 0) sent += count;
      stalled = count > 0 ? 0 : stalled + 1;
      loop.reactor.runTurn(1);
    }
    // Kernel buffers of four sockets and one buffer of the relay, but no more.
    expect(sent).toBeLessThan(3_000_000);
    let received = 0;
    loop.until(() => {
      received += Math.max(recv(right, memory.address, 1_000_000), 0);
      return received === sent;
    });
    expect(relay.bytesAToB).toBe(sent);
    relay.destroy();
  });

  it('does not spin when both sides hung up and the rest cannot be delivered yet', () => {
    shutdown(left, SHUT_WR);
    memory.bytes.fill('rest ');
    let sent = 0;
    for (let turns = 0; turns < 100; turns += 1) {
      sent += Math.max(send(right, memory.address, 100_000), 0);
      loop.reactor.runTurn(1);
    }
    shutdown(right, SHUT_WR);
    loop.pass(20);
    const start = process.cpuUsage();
    loop.pass(300);
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1000).toBeLessThan(150);
    let received = 0;
    loop.until(() => {
      received += Math.max(recv(left, memory.address, 1_000_000), 0);
      return outcome !== undefined && received === sent;
    });
    expect(outcome?.error).toBeUndefined();
  });

  it('cuts both sides with a reset when it is destroyed', () => {
    relay.destroy();
    relay.destroy();
    expect(outcome).toEqual({ up: 0, down: 0, error: undefined });
    loop.until(() => recv(left, memory.address, 10) === -ECONNRESET);
    loop.until(() => recv(right, memory.address, 10) === -ECONNRESET);
  });
});
