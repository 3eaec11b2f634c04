import { expect, it } from 'vitest';
import { BufferPool } from './buffer-pool.ts';
import { OUTPUT_BUFFER_BYTES, SMALL_BUFFER_BYTES } from './limits.ts';
import { OutputBuffer } from './output-buffer.ts';

function put(output: OutputBuffer, text: string): void {
  expect(output.room(text.length)).toBe(true);
  output.end += output.bytes.write(text, output.end, 'latin1');
}

it('an idle connection holds no memory', () => {
  const pool = new BufferPool();
  const output = new OutputBuffer(pool, () => undefined);
  expect(pool.lent).toBe(0);
  put(output, 'hello');
  expect(pool.lent).toBe(1);
  output.settle();
  expect(pool.lent).toBe(0);
  expect(output.bytes.length).toBe(0);
  expect(output.waiting).toBe(0);
});

it('asks for its flush once, until everything was sent', () => {
  let asked = 0;
  const output = new OutputBuffer(new BufferPool(), () => (asked += 1));
  put(output, 'a');
  put(output, 'b');
  expect(asked).toBe(1);
  output.start += 1;
  put(output, 'c');
  expect(asked).toBe(1);
  output.settle();
  put(output, 'd');
  expect(asked).toBe(2);
});

it('refuses what does not fit, and makes use of room in front', () => {
  const output = new OutputBuffer(new BufferPool(), () => undefined);
  put(output, 'x'.repeat(OUTPUT_BUFFER_BYTES - 10));
  expect(output.free).toBe(10);
  expect(output.room(11)).toBe(false);
  expect(output.refused).toBe(true);
  expect(output.room(10)).toBe(true);
  output.start += 100_000;
  put(output, 'y'.repeat(50_000));
  expect(output.start).toBe(0);
  expect(output.waiting).toBe(OUTPUT_BUFFER_BYTES - 10 - 100_000 + 50_000);
  expect(output.bytes.toString('latin1', output.end - 2, output.end)).toBe('yy');
});

it('memory is used again, the last returned first', () => {
  const pool = new BufferPool();
  const [first, second] = [pool.lend(1000), pool.lend(1000)];
  pool.giveBack(first);
  pool.giveBack(second);
  expect(pool.lend(100_000)).not.toBe(second);
  expect(pool.lend(1)).toBe(second);
  expect(pool.lend(1)).toBe(first);
});

it('starts small and grows when more is said, without losing what was written', () => {
  const output = new OutputBuffer(new BufferPool(), () => undefined);
  put(output, 'a'.repeat(100));
  expect(output.bytes.length).toBe(SMALL_BUFFER_BYTES);
  output.start = 50;
  put(output, 'b'.repeat(SMALL_BUFFER_BYTES));
  expect(output.bytes.length).toBe(OUTPUT_BUFFER_BYTES);
  expect(output.bytes.toString('latin1', output.start, output.end)).toBe(
    'a'.repeat(50) + 'b'.repeat(SMALL_BUFFER_BYTES),
  );
});
