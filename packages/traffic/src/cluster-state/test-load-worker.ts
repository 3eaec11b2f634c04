import { parentPort, workerData } from 'node:worker_threads';
import { ClusterLoad } from './cluster-load.ts';
import { type ClusterMemory, Gauge } from './cluster-memory.ts';

// Takes and gives back places as fast as it can, and notes how many all threads have at once.

const { memory, thread, limit, shared, rounds } = workerData as {
  memory: ClusterMemory;
  thread: number;
  limit: number;
  shared: SharedArrayBuffer;
  rounds: number;
};
const words = new Int32Array(shared);
const load = new ClusterLoad(memory, thread);

// All begin at once.
Atomics.add(words, 2, 1);
while (Atomics.load(words, 2) < memory.threads);
let taken = 0;
while (taken < rounds) {
  if (!load.take(Gauge.requests, limit)) continue;
  taken++;
  const inside = Atomics.add(words, 0, 1) + 1;
  if (inside > Atomics.load(words, 1)) Atomics.store(words, 1, inside);
  for (let spin = 0; spin < 50; spin++) Atomics.load(words, 0);
  Atomics.sub(words, 0, 1);
  load.giveBack(Gauge.requests);
}
parentPort?.postMessage(taken);
