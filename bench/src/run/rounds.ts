import { BASELINE, type Findings, type Measures } from '../result/measure.ts';
import type { Observation } from '../result/report.ts';
import { orderOfRound } from '../result/statistics.ts';
import type { Subject } from './stand.ts';
import { type Durations, Windows } from './windows.ts';

export interface RoundsOptions {
  readonly measures: Measures;
  readonly subjects: readonly Subject[];
  readonly rounds: number;
  readonly durations: Durations;
}

export interface RoundsResult {
  readonly observations: Observation[];
  /** What the baseline found in each round, its own latencies among it. */
  readonly baseline: Findings[];
  /** What the proxies of each subject agreed on. */
  readonly tls: Readonly<Record<string, string>>;
  /** Windows beside which something else kept the machine busy. */
  readonly noisyWindows: number;
}

/** Runs every subject once per round, in reversed order every other round, each with fresh processes. */
export async function runRounds(options: RoundsOptions): Promise<RoundsResult> {
  const observations: Observation[] = [];
  const baseline: Findings[] = [];
  const tls: Record<string, string> = {};
  const windows = new Windows(options.durations);
  for (let round = 0; round < options.rounds; round += 1) {
    const findings = new Map<string, Findings>();
    for (const subject of orderOfRound(options.subjects, round)) {
      console.error(`round ${round + 1} of ${options.rounds}: ${subject.name}`);
      const measured = await subject.measure(windows);
      findings.set(subject.name, measured.findings);
      if (measured.tls !== undefined) tls[subject.name] = measured.tls;
    }
    observations.push(...observationsOf(options.measures, findings));
    baseline.push(findings.get(BASELINE) ?? {});
  }
  return { observations, baseline, tls, noisyWindows: windows.noisy };
}

/** Latencies become what a subject adds to the baseline of the same round; the baseline itself adds none. */
export function observationsOf(measures: Measures, findings: ReadonlyMap<string, Findings>): Observation[] {
  const baseline = findings.get(BASELINE);
  return [...findings].flatMap(([subject, found]) =>
    Object.entries(found).flatMap(([measure, value]) => {
      if (value === undefined) return [];
      if (measures[measure]?.added !== true) return [{ measure, subject, value }];
      const without = baseline?.[measure];
      return without === undefined || subject === BASELINE ? [] : [{ measure, subject, value: value - without }];
    }),
  );
}
