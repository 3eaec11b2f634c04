import type { LoadReport } from '../load/window.ts';
import type { MeasureName } from '../result/measures.ts';
import { processMemory } from '../usage/process-memory.ts';
import type { Stand } from './stand.ts';
import type { Windows } from './windows.ts';

/** Raw findings of one stand, by measure. For latencies the median itself; what is added comes from the comparison. */
export type Findings = Partial<Record<MeasureName, number>>;

const CONNECTIONS = 32;
const NEW_PARALLEL = 16;
const COLD_PARALLEL = 8;
const HELD = 1000;
/** A cold connection is accepted twice in the server's pod: the tunnel's by the proxy, its own by the server. */
const ACCEPTED_PER_COLD_CONNECTION = 1.95;

/** All shapes of a warm stand, in their order. Memory comes first, while the processes are fresh. */
export async function measureWarm(stand: Stand, windows: Windows): Promise<Findings> {
  const memory = stand.proxies.length > 0 ? await measureMemory(stand, windows.durations.rest) : {};
  const c1 = await windows.take(stand, 'keep-alive', { connections: 1 });
  const r1000 = await windows.take(stand, 'keep-alive', { connections: CONNECTIONS, rate: 1000 });
  const r3200 = await windows.take(stand, 'keep-alive', { connections: CONNECTIONS, rate: 3200 });
  const max = await windows.take(stand, 'keep-alive', { connections: CONNECTIONS });
  const fresh = await windows.take(stand, 'new', { parallel: NEW_PARALLEL, warmUp: connectionWarmUp(windows) });
  const bulk = await windows.take(stand, 'bulk', {});
  return {
    ...memory,
    rps_max: perSecond(max),
    conn_rate: perSecond(fresh),
    ...latency('p50_c1', c1),
    ...latency('p50_r3200', r3200),
    ...(stand.proxies.length > 0
      ? {
          cpu_req_c1: cpuEach(c1) / 1e3,
          cpu_req_r1000: cpuEach(r1000) / 1e3,
          cpu_req_r3200: cpuEach(r3200) / 1e3,
          cpu_req_max: cpuEach(max) / 1e3,
          cpu_conn: cpuEach(fresh) / 1e3,
          cpu_byte: cpuEach(bulk),
        }
      : {}),
  };
}

/** The shape that needs proxies without a pool; no finding when they kept one. */
export async function measureCold(stand: Stand, windows: Windows): Promise<Findings> {
  const before = await stand.accepted();
  let total = 0;
  const counting: Stand = {
    ...stand,
    load: async (shape, options) => {
      const report = await stand.load(shape, options);
      total += report.total;
      return report;
    },
  };
  const report = await windows.take(counting, 'new', { parallel: COLD_PARALLEL, warmUp: connectionWarmUp(windows) });
  const accepted = ((await stand.accepted()) - before) / total;
  if (accepted >= ACCEPTED_PER_COLD_CONNECTION) return { cpu_cold: cpuEach(report) / 1e3 };
  console.error(`  cpu_cold is not reported: tunnels were used again (${accepted.toFixed(2)} accepted per connection)`);
  return {};
}

/** Idle memory is read when the proxies have been left alone for so long, milliseconds. */
const IDLE_AFTER_MS = 6_000;

async function measureMemory(stand: Stand, restMs: number): Promise<Findings> {
  const rest = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const nodes = stand.proxies.length;
  const read = (): { anonymous: number; resident: number } => {
    const all = stand.proxies.flat().map((pid) => processMemory(pid));
    return {
      anonymous: all.reduce((sum, one) => sum + one.anonymous, 0) / nodes,
      resident: all.reduce((sum, one) => sum + one.resident, 0) / nodes,
    };
  };
  // What a start leaves behind is given back a little later.
  await rest(restMs + IDLE_AFTER_MS);
  const idle = read();
  const held = await stand.hold(HELD);
  await rest(restMs);
  const loaded = read();
  await held.release();
  return { mem_idle_anon: idle.anonymous / 2 ** 20, mem_conn: (loaded.resident - idle.resident) / HELD / 1024 };
}

/** There are ten times fewer connections than requests in a second, so a compiler at run time needs longer to see them. */
function connectionWarmUp(windows: Windows): number {
  return windows.durations.warmUp * 3;
}

function latency(measure: MeasureName, report: LoadReport): Findings {
  return report.latency === undefined ? {} : { [measure]: report.latency.p50 };
}

function perSecond(report: LoadReport): number {
  return report.done / report.seconds;
}

/** Nanoseconds of processor time of all proxies per finished unit. */
function cpuEach(report: LoadReport): number {
  return report.cpu.reduce((sum, one) => sum + one, 0) / report.done;
}
