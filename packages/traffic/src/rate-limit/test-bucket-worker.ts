import { parentPort, workerData } from 'node:worker_threads';
import { KeyHash } from './key-hash.ts';
import { type BucketSize, TokenBuckets } from './token-buckets.ts';

// Takes tokens as fast as it can for a while, of as many values as it is told, and says how many it got of each.

const { memory, thread, threads, size, values, milliseconds, shared } = workerData as {
  memory: SharedArrayBuffer;
  thread: number;
  threads: number;
  size: BucketSize;
  values: number;
  milliseconds: number;
  shared: SharedArrayBuffer;
};
const words = new Int32Array(shared);
const now = (): number => Number(process.hrtime.bigint()) / 1e6;
const buckets = new TokenBuckets(memory, thread, size, now);
const hash = new KeyHash(...buckets.secret);

// All begin at once.
Atomics.add(words, 0, 1);
while (Atomics.load(words, 0) < threads);
const admitted = Array.from({ length: values }, () => 0);
const begin = now();
let asked = 0;
do {
  const value = asked++ % values;
  hash.begin();
  hash.add(String(value), 64);
  const taken = buckets.take(hash.end());
  if (taken.shared) throw new Error('there is room for all values');
  if (taken.admitted) admitted[value] = (admitted[value] ?? 0) + 1;
} while (now() - begin < milliseconds);
parentPort?.postMessage({ admitted, asked, begin, end: now() });
