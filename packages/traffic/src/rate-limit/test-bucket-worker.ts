import { parentPort, workerData } from 'node:worker_threads';
import { KeyHash } from './key-hash.ts';
import { type BucketSize, TokenBuckets } from './token-buckets.ts';

// Takes tokens as fast as it can, of as many values as it is told, and says how many it got of each.

const { memory, thread, threads, size, values, rounds, inStep, allShared, shared } = workerData as {
  memory: SharedArrayBuffer;
  thread: number;
  threads: number;
  size: BucketSize;
  values: number;
  /** How often it asks for each. */
  rounds: number;
  /** All threads ask for the same value at the same moment. */
  inStep: boolean;
  /** No value has a bucket of its own. */
  allShared: boolean;
  shared: SharedArrayBuffer;
};
const words = new Int32Array(shared);
const now = (): number => Number(process.hrtime.bigint()) / 1e6;
const buckets = new TokenBuckets(memory, thread, size, now);
const hash = new KeyHash(...buckets.secret);

/** Until all threads have come here `times` times. */
function meet(times: number): void {
  Atomics.add(words, 0, 1);
  while (Atomics.load(words, 0) < threads * times);
}

const admitted = Array.from({ length: values }, () => 0);
meet(1);
const begin = now();
for (let asked = 0; asked < values * rounds; asked++) {
  const value = asked % values;
  hash.begin();
  hash.add(String(value), 64);
  const key = hash.end();
  if (inStep) meet(asked + 2);
  const taken = buckets.take(key);
  // Where the machine holds up who makes a bucket, the value has none.
  if (taken.admitted && (allShared || !taken.shared)) admitted[value] = (admitted[value] ?? 0) + 1;
}
parentPort?.postMessage({ admitted, begin, end: now() });
