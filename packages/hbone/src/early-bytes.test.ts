import { describe, expect, it } from 'vitest';
import { BufferPool } from '@ambit/reactor/buffer-pool';
import type { StreamOwner } from './connection.ts';
import { EarlyBytes } from './early-bytes.ts';

class Taker implements StreamOwner {
  text = '';
  ends = 0;

  onData(bytes: Buffer, _address: number, start: number, end: number, endStream: boolean): void {
    expect(this.ends).toBe(0);
    this.text += bytes.toString('latin1', start, end);
    if (endStream) this.ends += 1;
  }

  onResponse(): void {
    throw new Error('not expected');
  }

  onStreamReset(): void {
    throw new Error('not expected');
  }

  onWritable(): void {
    throw new Error('not expected');
  }

  onConnectionLost(): void {
    throw new Error('not expected');
  }
}

describe('bytes that come before the answer', () => {
  it('take memory by the byte, not by the frame', () => {
    const buffers = new BufferPool();
    const early = new EarlyBytes(buffers);
    const frame = Buffer.alloc(1);
    let sent = '';
    for (let index = 0; index < 200_000; index++) {
      frame[0] = 97 + (index % 26);
      sent += String.fromCharCode(97 + (index % 26));
      early.add(frame, 0, 1, index === 199_999);
    }
    expect(buffers.lent).toBe(2);
    const taker = new Taker();
    early.replay(taker);
    expect(taker.text === sent).toBe(true);
    expect(taker.ends).toBe(1);
    expect(buffers.lent).toBe(0);
  });

  it.each([true, false])('none at all; the end of the stream is told if it came (%s)', (endStream) => {
    const early = new EarlyBytes(new BufferPool());
    early.add(Buffer.alloc(0), 0, 0, endStream);
    const taker = new Taker();
    early.replay(taker);
    expect([taker.text, taker.ends]).toEqual(['', endStream ? 1 : 0]);
  });
});
