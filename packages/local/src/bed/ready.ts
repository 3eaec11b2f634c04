import type { Clock } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { READY_POLL_MS, READY_TIMEOUT_MS } from './limits.ts';
import type { NamespacedProcess } from './process.ts';

/**
 * Tries `attempt` until it succeeds. Rejects with `AMBIT_BED_NOT_READY`, and the end of the log, when the process ends
 * before or takes too long.
 */
export async function becomeReady(
  name: string,
  process: NamespacedProcess,
  clock: Clock,
  attempt: () => Promise<unknown>,
): Promise<void> {
  const end = clock.now() + READY_TIMEOUT_MS;
  for (;;) {
    let last: string;
    try {
      await attempt();
      return;
    } catch (error) {
      last = messageOf(error);
    }
    const why = process.running ? `not within ${READY_TIMEOUT_MS} ms (${last})` : 'it ended';
    if (!process.running || clock.now() > end) {
      throw new AmbitError(
        'AMBIT_BED_NOT_READY',
        `${name} did not become ready: ${why}\n${process.output().slice(-2_000)}`,
        { source: 'system' },
      );
    }
    await new Promise<void>((resolve) => clock.setTimeout(resolve, READY_POLL_MS));
  }
}
