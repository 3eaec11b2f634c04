import type { Attempt, Cut, LoadReport } from './clients/options.ts';

/** The attempts that failed. */
export function failures(report: LoadReport): Attempt[] {
  return report.attempts.filter((attempt) => attempt.failure !== undefined);
}

/**
 * Failures of connections that were opened after a moment (milliseconds since the epoch). What was already under way
 * when a process died cannot be saved and is counted apart.
 */
export function newFailures(report: LoadReport, since: number): Attempt[] {
  return failures(report).filter((attempt) => attempt.startedAt >= since);
}

/** When the first connection that was opened after a moment got its answer; undefined when none did. */
export function firstSuccessAfter(report: LoadReport, since: number): number | undefined {
  let first: number | undefined;
  for (const attempt of report.attempts) {
    if (attempt.failure !== undefined || attempt.startedAt < since) continue;
    if (first === undefined || attempt.endedAt < first) first = attempt.endedAt;
  }
  return first;
}

/** The time from begin to answer of the successful attempts, in milliseconds, at a share from 0 to 1; 0 without any. */
export function latency(report: LoadReport, share: number): number {
  const times = report.attempts
    .filter((attempt) => attempt.failure === undefined)
    .map((attempt) => attempt.endedAt - attempt.startedAt)
    .sort((a, b) => a - b);
  return times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
}

/** `3 of 7500 new connections failed: 2 ECONNRESET while connecting, 1 …`, with moments relative to `since`. */
export function describeFailures(report: LoadReport, since: number): string {
  const failed = failures(report);
  const kinds = tally(failed.map((attempt) => attempt.failure ?? ''));
  const when = failed.slice(0, 5).map((attempt) => signed(attempt.startedAt - since));
  const examples = when.length === 0 ? '' : `: ${kinds} (begun at ${when.join(', ')}${failed.length > 5 ? ', …' : ''})`;
  return `${failed.length} of ${report.attempts.length} new connections failed${examples}`;
}

/** `2 of 100 open connections were cut: 2 ECONNRESET`. */
export function describeCuts(report: LoadReport): string {
  const kinds = tally(report.cuts.map((cut: Cut) => cut.failure));
  const slowest = `the slowest message took ${Math.round(report.slowestMessage)} ms`;
  return `${report.cuts.length} of ${report.held} open connections were cut${kinds === '' ? '' : `: ${kinds}`}, ${slowest}`;
}

function tally(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ');
}

function signed(milliseconds: number): string {
  return `${milliseconds < 0 ? '' : '+'}${milliseconds} ms`;
}
