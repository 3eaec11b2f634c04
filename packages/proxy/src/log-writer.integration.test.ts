import { allocate } from '@ambit/native/memory';
import { recv } from '@ambit/native/socket';
import { TestLoop } from '@ambit/reactor/test-loop';
import { describe, expect, it } from 'vitest';
import { LogWriter } from './log-writer.ts';

const memory = allocate(1 << 16);

function readAll(fd: number): string {
  let text = '';
  for (;;) {
    const size = recv(fd, memory.address, memory.bytes.length);
    if (size <= 0) return text;
    text += memory.bytes.toString('latin1', 0, size);
  }
}

describe('a log whose reader is behind', () => {
  it('loses lines and counts them, and none stands behind one that was cut', () => {
    const loop = new TestLoop();
    const [near, far] = loop.tcpPair();
    const writer = new LogWriter(near);
    const lines = 200_000;
    const line = '{"a":"a line of some length"}';
    writer.write(Buffer.from(`${line}\n`.repeat(lines)), 0);
    expect(writer.dropped).toBeGreaterThan(0);
    let text = '';
    const quiet = (): boolean => {
      const more = readAll(far);
      text += more;
      return more === '';
    };
    loop.until(quiet);
    writer.write(Buffer.from('{"next":true}\n'), 1);
    loop.until(() => quiet() && text.includes('next'));
    const written = text.split('\n');
    expect(written.at(-2)).toBe('{"next":true}');
    expect(writer.dropped).toBe(lines - written.filter((one) => one === line).length + 1);
    loop.reactor.dispose();
  });
});
