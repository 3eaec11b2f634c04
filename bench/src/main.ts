/**
 * `npm run bench -- l4|l7`: measures proxies side by side and writes what it found. Must run inside a tree of namespaces;
 * scripts/bench.mjs makes one.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { messageOf } from '@ambit/core/errors';
import { BENCHMARKS, type BenchArguments, USAGE, parseBenchArguments } from './arguments.ts';
import { l4Benchmark } from './l4/benchmark.ts';
import { l7Benchmark } from './l7/benchmark.ts';
import { type Conditions, currentLoad, digestOf, machineConditions } from './result/conditions.ts';
import type { Findings } from './result/measure.ts';
import { summarise, table } from './result/report.ts';
import { halfRange, median } from './result/statistics.ts';
import type { Benchmark } from './run/benchmark.ts';
import { type RoundsResult, runRounds } from './run/rounds.ts';

/** Milliseconds of rest before memory is read. */
const REST_MS = 1500;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

function baselineOf(benchmark: Benchmark, findings: readonly Findings[]): Conditions['baseline'] {
  return Object.fromEntries(
    Object.entries(benchmark.measures)
      .filter(([, { added }]) => added === true)
      .map(([name]) => {
        const values = findings.flatMap((found) => found[name] ?? []);
        return [name, { median: median(values), spread: halfRange(values) }];
      }),
  );
}

function conditionsOf(options: BenchArguments, benchmark: Benchmark, result: RoundsResult, before: number): Conditions {
  const withPeer = options.subjects.includes(BENCHMARKS[options.benchmark].peer);
  return {
    date: new Date().toISOString().slice(0, 10),
    ...machineConditions(ROOT),
    threadsPerProxy: 1,
    pinning: benchmark.pinning,
    tls: { all: 'TLS 1.3, certificates of both sides, ECDSA P-256, no resumption', ...result.tls },
    rounds: options.rounds,
    warmUpMs: options.warmUpMs,
    measureMs: options.measureMs,
    subjects: options.subjects,
    peer: withPeer && options.peer !== undefined ? digestOf(options.peer) : null,
    ...(withPeer && benchmark.peerVersion !== undefined ? { peerVersion: benchmark.peerVersion } : {}),
    accessLog: benchmark.accessLog,
    noisyWindows: result.noisyWindows,
    load: { before, after: currentLoad() },
    baseline: baselineOf(benchmark, result.baseline),
  };
}

async function run(options: BenchArguments): Promise<void> {
  const benchmark = options.benchmark === 'l4' ? l4Benchmark(options) : l7Benchmark(options);
  const before = currentLoad();
  const result = await runRounds({
    measures: benchmark.measures,
    subjects: benchmark.subjects,
    rounds: options.rounds,
    durations: {
      warmUp: options.warmUpMs,
      measure: options.measureMs,
      rest: REST_MS,
      patience: options.patienceMs,
    },
  });
  const comparison = { measures: benchmark.measures, peer: BENCHMARKS[options.benchmark].peer };
  const rows = summarise(comparison, result.observations);
  const conditions = conditionsOf(options, benchmark, result, before);
  console.log(table(comparison, rows, options.subjects));
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify({ conditions, rows }, undefined, 2)}\n`);
  }
}

let options: BenchArguments | undefined;
try {
  options = parseBenchArguments(process.argv.slice(2), process.env);
} catch (error) {
  console.error(`${messageOf(error)}\n\n${USAGE}`);
  process.exitCode = 2;
}
if (options !== undefined) {
  try {
    await run(options);
    process.exit(0);
  } catch (error) {
    console.error(messageOf(error));
    process.exit(1);
  }
}
