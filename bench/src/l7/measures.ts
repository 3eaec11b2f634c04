import type { Goal, Measure } from '../result/measure.ts';

export type L7Measure =
  | 'cpu_req_c1'
  | 'cpu_req_r3200'
  | 'cpu_req_max'
  | 'rps_max'
  | 'cpu_grpc_r3200'
  | 'cpu_grpc_max'
  | 'rps_grpc_max'
  | 'cpu_conn'
  | 'conn_rate'
  | 'p50_c1'
  | 'p50_r3200'
  | 'mem_conn'
  | 'mem_stream'
  | 'mem_back'
  | 'mem_idle_anon';

const ratio = (limit: number): Goal => ({ of: 'ratio', limit });

/** Processor time and memory are those of the waypoint's process alone; latency is what it adds to the same tunnels without it. */
export const L7_MEASURES: Readonly<Record<L7Measure, Measure>> = {
  cpu_req_c1: { unit: 'us/request', better: 'lower', about: 'one connection, as fast as it can', goal: ratio(0.55) },
  cpu_req_r3200: { unit: 'us/request', better: 'lower', about: '32 connections, 3,200 requests/s', goal: ratio(0.55) },
  cpu_req_max: { unit: 'us/request', better: 'lower', about: '32 connections, as fast as they can', goal: ratio(0.3) },
  rps_max: { unit: 'requests/s', better: 'higher', about: '32 connections, as fast as they can', goal: ratio(2.5) },
  cpu_grpc_r3200: {
    unit: 'us/request',
    better: 'lower',
    about: 'unary calls on one HTTP/2 connection, 3,200 calls/s',
    goal: ratio(0.5),
  },
  cpu_grpc_max: {
    unit: 'us/request',
    better: 'lower',
    about: 'unary calls on one HTTP/2 connection, 32 in flight, as fast as they can',
    goal: ratio(0.3),
  },
  rps_grpc_max: {
    unit: 'requests/s',
    better: 'higher',
    about: 'unary calls on one HTTP/2 connection, 32 in flight, as fast as they can',
    goal: ratio(2.5),
  },
  cpu_conn: {
    unit: 'us/connection',
    better: 'lower',
    about: 'one request per connection, 16 at once, tunnels warm',
    goal: ratio(0.25),
  },
  conn_rate: { unit: 'connections/s', better: 'higher', about: 'one request per connection, 16 at once, tunnels warm' },
  p50_c1: { unit: 'us', better: 'lower', about: 'added median latency, one connection', added: true, goal: ratio(0.7) },
  p50_r3200: {
    unit: 'us',
    better: 'lower',
    about: 'added median latency, 3,200 requests/s',
    added: true,
    goal: ratio(0.7),
  },
  mem_conn: {
    unit: 'KiB/connection',
    better: 'lower',
    about: 'resident growth with 1,000 connections open',
    goal: ratio(0.3),
  },
  mem_stream: {
    unit: 'KiB/stream',
    better: 'lower',
    about: 'resident growth with 10,000 calls open, 100 on each connection',
    goal: { of: 'value', limit: 40 },
  },
  mem_back: {
    unit: 'x',
    better: 'lower',
    about: 'resident a minute after those have ended, as a multiple of what it was before them',
    goal: { of: 'value', limit: 1.1 },
  },
  mem_idle_anon: { unit: 'MiB', better: 'lower', about: 'anonymous memory after the start', goal: ratio(1.5) },
};
