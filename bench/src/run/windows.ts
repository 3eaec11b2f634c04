import { AmbitError } from '@ambit/core/errors';
import type { LoadReport } from '../load/window.ts';
import { becomesQuiet } from '../usage/quiet.ts';
import type { Stand } from './stand.ts';

export interface Durations {
  /** Milliseconds of load before a window. */
  readonly warmUp: number;
  /** Milliseconds of a window. */
  readonly measure: number;
  /** Milliseconds of rest after the proxies are ready, before their memory is read. */
  readonly rest: number;
  /** Milliseconds to wait for a quiet machine before each window. */
  readonly patience: number;
}

/** Share of the intended rate below which a window is refused. */
const LOWEST_SHARE = 0.99;
/** Windows that may be refused before the run is: a neighbour can spoil one. */
const ATTEMPTS = 3;

/** Takes windows, repeats those that may not be reported, and counts those that neighbours disturbed. */
export class Windows {
  readonly durations: Durations;
  /** Windows that were kept although something else used the machine right before or after. */
  noisy = 0;

  constructor(durations: Durations) {
    this.durations = durations;
  }

  /** `options` may name another `warmUp`. Throws `AMBIT_BENCH_REFUSED` when no attempt may be reported: errors, or a rate that was missed. */
  async take(stand: Stand, shape: string, options: Readonly<Record<string, number>>): Promise<LoadReport> {
    const { warmUp, measure, patience } = this.durations;
    const watch = stand.proxies.flat().join(',');
    const name = `${shape} ${JSON.stringify(options)}`;
    let kept: LoadReport | undefined;
    let reason: string | undefined;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const quietBefore = await becomesQuiet(patience);
      const report = await stand.load(shape, { warmUp, measure, watch, ...options });
      reason = refusal(report);
      if (reason === undefined) {
        kept = report;
        if (quietBefore && (await becomesQuiet(0))) return report;
      }
      console.error(`  ${name}: ${reason ?? 'the machine was busy with something else'}`);
    }
    if (kept === undefined) throw new AmbitError('AMBIT_BENCH_REFUSED', `${name}: ${reason}; no result is reported`);
    this.noisy += 1;
    return kept;
  }
}

/** Why a window may not be reported; undefined when it may. */
export function refusal(report: LoadReport): string | undefined {
  if (report.errors > 0) return `${report.errors} errors`;
  if (report.done === 0) return 'nothing was done';
  const { rate } = report;
  const reached = report.done / report.seconds;
  if (rate === undefined || reached >= rate * LOWEST_SHARE) return undefined;
  return `${reached.toFixed(0)} instead of ${rate} requests per second`;
}
