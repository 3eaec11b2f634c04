import { resolve } from 'node:path';
import type { BenchArguments } from '../arguments.ts';
import type { Benchmark } from '../run/benchmark.ts';
import { L4_MEASURES } from './measures.ts';
import { meshSubject } from './mesh-subject.ts';
import { relaySubject } from './relay-subject.ts';
import type { L4Carrier } from './l4-stand.ts';
import { l4Subject } from './shapes.ts';

/** The proxies of two nodes. */
export function l4Benchmark(options: BenchArguments): Benchmark {
  return {
    measures: L4_MEASURES,
    subjects: options.subjects.map((name) => l4Subject(carrierOf(name, options))),
    pinning: 'client node on cpu 0, server node on cpu 1',
    accessLog: 'on for all proxies, to a file',
    peerVersion: undefined,
  };
}

function carrierOf(name: string, options: BenchArguments): L4Carrier {
  switch (name) {
    case 'ambit':
      return meshSubject(name, { kind: 'ambit' });
    case 'peer':
      return meshSubject(name, { kind: 'binary', path: resolve(options.peer ?? '') });
    case 'hbone-relay':
    case 'http2-relay':
      return relaySubject(name);
    default:
      return meshSubject(name, undefined);
  }
}
