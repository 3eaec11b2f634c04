import type { BenchArguments } from '../arguments.ts';
import type { Benchmark } from '../run/benchmark.ts';
export function l7Benchmark(_options: BenchArguments): Benchmark {
  return { measures: {}, subjects: [], pinning: '', accessLog: '', peerVersion: undefined };
}
