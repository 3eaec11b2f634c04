import type { Bench } from '../bench.ts';
import { demand } from '../check.ts';
import type { LoadReport } from '../clients/options.ts';

/** New connections a second in the checks of failures. */
export const RATE = 500;
/** A generator that was later than this did not open its connections when they were due, in milliseconds. */
const TOO_LATE = 1_000;

/** Runs a load from client to server while something happens; demands that the load was what it should have been. */
export async function underLoad(
  bench: Bench,
  options: { rate: number; held?: number; timeout?: number; name?: string },
  happen: () => Promise<void>,
): Promise<LoadReport> {
  const host = bench.serviceAddress('server.check');
  const load = await bench.pod('client').load({ host, timeout: 10_000, ...options });
  try {
    await happen();
  } catch (error) {
    await load.stop();
    throw error;
  }
  const report = await load.stop();
  demand(report.leftOut === 0, `the load could not be kept up: ${report.leftOut} connections were not opened`);
  demand(
    report.worstLateness < TOO_LATE,
    `the load was late by ${Math.round(report.worstLateness)} ms: the machine is too busy`,
  );
  return report;
}
