import type { LoadReport } from '../load/window.ts';
import {
  CONNECTIONS,
  connectionWarmUp,
  cpuEach,
  IDLE_AFTER_MS,
  measureMemory,
  NEW_PARALLEL,
  perSecond,
  rest,
} from '../run/readings.ts';
import type { Subject } from '../run/stand.ts';
import type { Windows } from '../run/windows.ts';
import type { L4Carrier, L4Stand } from './l4-stand.ts';
import type { L4Measure } from './measures.ts';

/** Raw findings of one stand, by measure. For latencies the median itself; what is added comes from the comparison. */
type L4Findings = Partial<Record<L4Measure, number>>;

const COLD_PARALLEL = 8;
/** A cold connection is accepted twice in the server's pod: the tunnel's by the proxy, its own by the server. */
const ACCEPTED_PER_COLD_CONNECTION = 1.95;

/** Measures a carrier, cold if it can be. */
export function l4Subject(carrier: L4Carrier): Subject {
  return {
    name: carrier.name,
    measure: async (windows) => {
      const warm = await carrier.start({ cold: false });
      const { tls } = warm;
      const findings = await measureWarm(warm, windows).finally(() => warm.close());
      if (!carrier.cold) return { findings, tls };
      const cold = await carrier.start({ cold: true });
      const more = await measureCold(cold, windows).finally(() => cold.close());
      return { findings: { ...findings, ...more }, tls };
    },
  };
}

/** All shapes of a warm stand, in their order. Memory comes first, while the processes are fresh. */
async function measureWarm(stand: L4Stand, windows: Windows): Promise<L4Findings> {
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
async function measureCold(stand: L4Stand, windows: Windows): Promise<L4Findings> {
  // What a process does once after its start is not the price of a connection, whichever proxy it is.
  await rest(windows.durations.rest + IDLE_AFTER_MS);
  const before = await stand.accepted();
  let total = 0;
  const counting: L4Stand = {
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

function latency(measure: L4Measure, report: LoadReport): L4Findings {
  return report.latency === undefined ? {} : { [measure]: report.latency.p50 };
}
