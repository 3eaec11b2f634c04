import type { HttpExchange } from '@ambit/http/exchange';
import { BufferPool } from '@ambit/reactor/buffer-pool';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LITTLE_CONTENT_BYTES } from '../limits.ts';
import { MessageBody } from './message-body.ts';

/** Takes so many octets at each call, the last number again and again. */
class Receiver {
  readonly taken: number[] = [];
  ended = false;
  readonly #room: number[];

  constructor(room: readonly number[]) {
    this.#room = [...room];
  }

  sendData(bytes: Buffer, start: number, end: number, endStream: boolean): number {
    const room = this.#room.length > 1 ? this.#room.shift() : this.#room[0];
    const count = Math.min(end - start, room ?? 0);
    this.taken.push(...bytes.subarray(start, start + count));
    if (endStream && start + count === end) this.ended = true;
    return count;
  }

  endStream(): void {
    this.ended = true;
  }

  get exchange(): HttpExchange {
    return this as unknown as HttpExchange;
  }
}

const SIZES = [1, 100, LITTLE_CONTENT_BYTES, LITTLE_CONTENT_BYTES + 1, 16_384, 20_000];

describe('content on its way', () => {
  it('arrives whole, twice if need be, in whatever pieces it comes and is taken', () => {
    const sizes = fc.array(fc.constantFrom(...SIZES), { minLength: 1, maxLength: 6 });
    const rooms = fc.array(fc.constantFrom(0, 1, 1_000, 30_000), { maxLength: 6 }).map((some) => [...some, 30_000]);
    fc.assert(
      fc.property(sizes, rooms, fc.boolean(), fc.boolean(), (pieces, room, keeps, isWarm) => {
        const pool = new BufferPool();
        if (isWarm) pool.giveBack(pool.lend(1));
        let released = 0;
        const from = { release: (size: number) => (released += size) };
        const body = new MessageBody(pool, from, keeps ? 1 << 20 : 0);
        const content = Buffer.from(Array.from({ length: pieces.reduce((a, b) => a + b, 0) }, (_, at) => at % 251));
        const first = new Receiver(room);
        let at = 0;
        for (const [index, size] of pieces.entries()) {
          body.receive(content, at, at + size, index === pieces.length - 1, first.exchange);
          at += size;
        }
        for (let turn = 0; turn < 20 && !body.complete; turn++) body.pump(first.exchange);
        expect([Buffer.from(first.taken).equals(content), first.ended, body.complete]).toEqual([true, true, true]);
        if (keeps) {
          body.rewind();
          const second = new Receiver([30_000]);
          body.pump(second.exchange);
          expect([Buffer.from(second.taken).equals(content), second.ended]).toEqual([true, true]);
        }
        body.clear();
        expect([pool.lent, released]).toEqual([0, content.length]);
      }),
    );
  });

  it('that is little and waits takes no buffer, unless one is at hand', () => {
    const content = Buffer.alloc(LITTLE_CONTENT_BYTES + 1);
    const lentFor = (size: number, isWarm: boolean): number => {
      const pool = new BufferPool();
      if (isWarm) pool.giveBack(pool.lend(1));
      new MessageBody(pool, { release: () => undefined }, 1 << 20).receive(content, 0, size, true, undefined);
      return pool.lent;
    };
    expect(lentFor(LITTLE_CONTENT_BYTES, false)).toBe(0);
    expect(lentFor(LITTLE_CONTENT_BYTES, true)).toBe(1);
    expect(lentFor(LITTLE_CONTENT_BYTES + 1, false)).toBe(1);
  });
});
