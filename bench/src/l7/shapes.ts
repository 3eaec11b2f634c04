import {
  CONNECTIONS,
  connectionWarmUp,
  cpuEach,
  measureMemory,
  NEW_PARALLEL,
  perSecond,
  rest,
} from '../run/readings.ts';
import { processMemory } from '../usage/process-memory.ts';
import type { Windows } from '../run/windows.ts';
import type { L7Measure } from './measures.ts';
import type { WaypointStand } from './waypoint-stand.ts';

const STREAMS_OF_EACH = 100;
const STREAM_CONNECTIONS = 100;
/** Memory is given back a while after its use. */
const GIVEN_BACK_MS = 60_000;

/** Memory of calls that are open, and what is left of it when they have ended. */
async function measureStreams(stand: WaypointStand, restMs: number): Promise<{ mem_stream: number; mem_back: number }> {
  const resident = (): number => stand.proxies.flat().reduce((sum, pid) => sum + processMemory(pid).resident, 0);
  const before = resident();
  const held = await stand.holdStreams(STREAM_CONNECTIONS, STREAMS_OF_EACH);
  await rest(restMs);
  const growth = resident() - before;
  await held.release();
  await rest(GIVEN_BACK_MS);
  return { mem_stream: growth / 1024 / (STREAMS_OF_EACH * STREAM_CONNECTIONS), mem_back: resident() / before };
}

/** All shapes of a stand, in their order. Memory of connections comes first, while the process is fresh. */
export async function measureStand(
  stand: WaypointStand,
  windows: Windows,
): Promise<Partial<Record<L7Measure, number>>> {
  const withWaypoint = stand.proxies.length > 0;
  const memory = withWaypoint ? await measureMemory(stand, windows.durations.rest, () => stand.prove()) : {};
  const c1 = await windows.take(stand, 'keep-alive', { connections: 1 });
  const r3200 = await windows.take(stand, 'keep-alive', { connections: CONNECTIONS, rate: 3200 });
  const max = await windows.take(stand, 'keep-alive', { connections: CONNECTIONS });
  const grpcR3200 = await windows.take(stand, 'grpc', { streams: CONNECTIONS, rate: 3200 });
  const grpcMax = await windows.take(stand, 'grpc', { streams: CONNECTIONS });
  const fresh = await windows.take(stand, 'new', { parallel: NEW_PARALLEL, warmUp: connectionWarmUp(windows) });
  // Last: what a peak leaves behind would be in every other figure.
  const streams = withWaypoint ? await measureStreams(stand, windows.durations.rest) : {};
  return {
    ...memory,
    ...streams,
    rps_max: perSecond(max),
    rps_grpc_max: perSecond(grpcMax),
    conn_rate: perSecond(fresh),
    ...(c1.latency === undefined ? {} : { p50_c1: c1.latency.p50 }),
    ...(r3200.latency === undefined ? {} : { p50_r3200: r3200.latency.p50 }),
    ...(withWaypoint
      ? {
          cpu_req_c1: cpuEach(c1) / 1e3,
          cpu_req_r3200: cpuEach(r3200) / 1e3,
          cpu_req_max: cpuEach(max) / 1e3,
          cpu_grpc_r3200: cpuEach(grpcR3200) / 1e3,
          cpu_grpc_max: cpuEach(grpcMax) / 1e3,
          cpu_conn: cpuEach(fresh) / 1e3,
        }
      : {}),
  };
}
