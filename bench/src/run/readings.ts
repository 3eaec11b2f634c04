import type { LoadReport } from '../load/window.ts';
import { processMemory } from '../usage/process-memory.ts';
import type { Stand } from './stand.ts';
import type { Windows } from './windows.ts';

/** Requests of all shapes with several connections. */
export const CONNECTIONS = 32;
/** New connections under way at once. */
export const NEW_PARALLEL = 16;

const HELD = 1000;
/** What a proxy does once after its start is over when it has been left alone for so long, milliseconds. */
export const IDLE_AFTER_MS = 6_000;

export function rest(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/**
 * Memory per group of proxies: MiB that belong to them alone after the start, and KiB of growth per connection held open.
 * `use` is what they do in between, so that what any first use costs does not count as the price of connections.
 */
export async function measureMemory(
  stand: Stand,
  restMs: number,
  use?: () => Promise<void>,
): Promise<{ mem_idle_anon: number; mem_conn: number }> {
  const groups = stand.proxies.length;
  const read = (): { anonymous: number; resident: number } => {
    const all = stand.proxies.flat().map((pid) => processMemory(pid));
    return {
      anonymous: all.reduce((sum, one) => sum + one.anonymous, 0) / groups,
      resident: all.reduce((sum, one) => sum + one.resident, 0) / groups,
    };
  };
  // What a start leaves behind is given back a little later.
  await rest(restMs + IDLE_AFTER_MS);
  const idle = read();
  if (use !== undefined) {
    await use();
    await rest(restMs);
  }
  const used = use === undefined ? idle : read();
  const held = await stand.hold(HELD);
  await rest(restMs);
  const loaded = read();
  await held.release();
  return { mem_idle_anon: idle.anonymous / 2 ** 20, mem_conn: (loaded.resident - used.resident) / HELD / 1024 };
}

/** There are ten times fewer connections than requests in a second, so a compiler at run time needs longer to see them. */
export function connectionWarmUp(windows: Windows): number {
  return windows.durations.warmUp * 3;
}

export function perSecond(report: LoadReport): number {
  return report.done / report.seconds;
}

/** Nanoseconds of processor time of all proxies per finished unit. */
export function cpuEach(report: LoadReport): number {
  return report.cpu.reduce((sum, one) => sum + one, 0) / report.done;
}
