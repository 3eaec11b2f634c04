import { AmbitError } from '@ambit/core/errors';
import type { LoadReport } from '../load/window.ts';
import type { MeasureName } from '../result/measures.ts';
import { processMemory } from '../usage/process-memory.ts';
import type { Stand } from './stand.ts';

export interface Durations {
  /** Milliseconds of load before a window. */
  readonly warmUp: number;
  /** Milliseconds of a window. */
  readonly measure: number;
  /** Milliseconds of rest after the proxies are ready, before their memory is read. */
  readonly rest: number;
}

/** Raw findings of one shape, by measure. For latencies the median itself; what is added comes from the comparison. */
export type Findings = Partial<Record<MeasureName, number>>;

/** Share of the intended rate below which a window is refused. */
const LOWEST_SHARE = 0.99;
/** Windows that may be refused before the run is: a neighbour can spoil one. */
const ATTEMPTS = 3;
const CONNECTIONS = 32;
const NEW_PARALLEL = 16;
const COLD_PARALLEL = 8;
const HELD = 1000;
/** A cold connection is accepted twice in the server's pod: the tunnel's by the proxy, its own by the server. */
const ACCEPTED_PER_COLD_CONNECTION = 1.95;

/** All shapes of a warm stand, in their order. Memory comes first, while the processes are fresh. */
export async function measureWarm(stand: Stand, durations: Durations): Promise<Findings> {
  const rest = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
  await rest(durations.rest);
  const memory = stand.proxies.length > 0 ? await measureMemory(stand, () => rest(durations.rest)) : {};
  const c1 = await window(stand, 'keep-alive', { connections: 1 }, durations);
  const r1000 = await window(stand, 'keep-alive', { connections: CONNECTIONS, rate: 1000 }, durations);
  const r3200 = await window(stand, 'keep-alive', { connections: CONNECTIONS, rate: 3200 }, durations);
  const max = await window(stand, 'keep-alive', { connections: CONNECTIONS }, durations);
  const fresh = await window(stand, 'new', { parallel: NEW_PARALLEL }, durations);
  const bulk = await window(stand, 'bulk', {}, durations);
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
export async function measureCold(stand: Stand, durations: Durations): Promise<Findings> {
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
  const report = await window(counting, 'new', { parallel: COLD_PARALLEL }, durations);
  const perConnection = ((await stand.accepted()) - before) / total;
  if (perConnection < ACCEPTED_PER_COLD_CONNECTION) {
    console.error(
      `  cpu_cold is not reported: tunnels were used again (${perConnection.toFixed(2)} accepted per connection)`,
    );
    return {};
  }
  return { cpu_cold: cpuEach(report) / 1e3 };
}

/** Why a window may not be reported; undefined when it may. */
export function refusal(report: LoadReport): string | undefined {
  if (report.errors > 0) return `${report.errors} errors`;
  if (report.done === 0) return 'nothing was done';
  const { rate } = report;
  if (rate === undefined || perSecond(report) >= rate * LOWEST_SHARE) return undefined;
  return `${perSecond(report).toFixed(0)} instead of ${rate} requests per second`;
}

/** Refused windows are repeated a few times; then the whole run is refused (`AMBIT_BENCH_REFUSED`). */
async function window(
  stand: Stand,
  shape: string,
  options: Readonly<Record<string, number>>,
  durations: Durations,
): Promise<LoadReport> {
  const watch = stand.proxies.flat().join(',');
  let reason: string | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const times = { warmUp: durations.warmUp, measure: durations.measure };
    const report = await stand.load(shape, { ...options, ...times, watch });
    reason = refusal(report);
    if (reason === undefined) return report;
    console.error(`  ${shape} ${JSON.stringify(options)}: ${reason}, once more`);
  }
  throw new AmbitError('AMBIT_BENCH_REFUSED', `${shape} ${JSON.stringify(options)}: ${reason}; no result is reported`);
}

async function measureMemory(stand: Stand, rest: () => Promise<void>): Promise<Findings> {
  const nodes = stand.proxies.length;
  const read = (): { anonymous: number; resident: number } => {
    const all = stand.proxies.flat().map((pid) => processMemory(pid));
    return {
      anonymous: all.reduce((sum, one) => sum + one.anonymous, 0) / nodes,
      resident: all.reduce((sum, one) => sum + one.resident, 0) / nodes,
    };
  };
  const idle = read();
  const held = await stand.hold(HELD);
  await rest();
  const loaded = read();
  await held.release();
  return { mem_idle_anon: idle.anonymous / 2 ** 20, mem_conn: (loaded.resident - idle.resident) / HELD / 1024 };
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
