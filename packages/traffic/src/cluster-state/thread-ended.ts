import { CircuitBreaker } from '../breaker/circuit-breaker.ts';
import { EndpointRecords } from '../outlier/endpoint-records.ts';
import { type ClusterMemory, Gauge, gaugesOf } from './cluster-memory.ts';

/** A data thread is gone: what it had under way is over, and who waited for it need not wait. */
export function threadEnded(memory: ClusterMemory, thread: number): void {
  const words = new Int32Array(memory.counts);
  for (const gauge of Object.values(Gauge)) Atomics.store(words, gaugesOf(thread) + gauge, 0);
  CircuitBreaker.threadEnded(memory);
  if (memory.endpoints !== undefined) EndpointRecords.threadEnded(memory.endpoints, thread);
}
