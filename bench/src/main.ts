/**
 * `npm run bench -- l4`: measures the proxies of two nodes side by side and writes what it found. Must run inside a tree
 * of namespaces; scripts/bench.mjs makes one.
 */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '@ambit/core/errors';
import { type BenchArguments, USAGE, parseBenchArguments } from './arguments.ts';
import { meshSubject } from './l4/mesh-subject.ts';
import { relaySubject } from './l4/relay-subject.ts';
import { type RoundsResult, runRounds } from './l4/rounds.ts';
import type { Subject } from './l4/stand.ts';
import { type Conditions, currentLoad, digestOf, machineConditions } from './result/conditions.ts';
import { summarise, table } from './result/report.ts';
import { halfRange, median } from './result/statistics.ts';

/** Milliseconds of rest before memory is read. */
const REST_MS = 1500;
/** Milliseconds to wait for a quiet machine before each window. */
const PATIENCE_MS = 10_000;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

function subjectOf(name: string, options: BenchArguments): Subject {
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

function conditionsOf(options: BenchArguments, result: RoundsResult, before: number): Conditions {
  const over = (measure: 'p50_c1' | 'p50_r3200'): { median: number; spread: number } => {
    const values = result.baseline.flatMap((findings) => findings[measure] ?? []);
    return { median: median(values), spread: halfRange(values) };
  };
  return {
    date: new Date().toISOString().slice(0, 10),
    ...machineConditions(ROOT),
    threadsPerProxy: 1,
    pinning: 'client node on cpu 0, server node on cpu 1',
    tls: { all: 'TLS 1.3, certificates of both sides, ECDSA P-256, no resumption', ...result.tls },
    rounds: options.rounds,
    warmUpMs: options.warmUpMs,
    measureMs: options.measureMs,
    subjects: options.subjects,
    peer: options.subjects.includes('peer') && options.peer !== undefined ? digestOf(options.peer) : null,
    noisyWindows: result.noisyWindows,
    load: { before, after: currentLoad() },
    baseline: { p50_c1: over('p50_c1'), p50_r3200: over('p50_r3200') },
  };
}

async function run(options: BenchArguments): Promise<void> {
  const before = currentLoad();
  const result = await runRounds({
    subjects: options.subjects.map((name) => subjectOf(name, options)),
    rounds: options.rounds,
    durations: { warmUp: options.warmUpMs, measure: options.measureMs, rest: REST_MS, patience: PATIENCE_MS },
  });
  const rows = summarise(result.observations);
  const conditions = conditionsOf(options, result, before);
  console.log(table(rows, options.subjects));
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
