import type { Goal, Measure } from '../result/measure.ts';

export type L4Measure =
  | 'cpu_req_c1'
  | 'cpu_req_r1000'
  | 'cpu_req_r3200'
  | 'cpu_req_max'
  | 'rps_max'
  | 'cpu_conn'
  | 'conn_rate'
  | 'cpu_byte'
  | 'p50_c1'
  | 'p50_r3200'
  | 'cpu_cold'
  | 'mem_conn'
  | 'mem_idle_anon';

const ratio = (limit: number): Goal => ({ of: 'ratio', limit });

/**
 * Processor time is that of all proxies of both nodes; memory is per node; latency is what the proxies add to the same
 * load without them.
 */
export const L4_MEASURES: Readonly<Record<L4Measure, Measure>> = {
  cpu_req_c1: { unit: 'us/request', better: 'lower', about: 'one connection, as fast as it can', goal: ratio(1) },
  cpu_req_r1000: { unit: 'us/request', better: 'lower', about: '32 connections, 1,000 requests/s', goal: ratio(0.95) },
  cpu_req_r3200: { unit: 'us/request', better: 'lower', about: '32 connections, 3,200 requests/s', goal: ratio(0.95) },
  cpu_req_max: { unit: 'us/request', better: 'lower', about: '32 connections, as fast as they can', goal: ratio(0.55) },
  rps_max: { unit: 'requests/s', better: 'higher', about: '32 connections, as fast as they can', goal: ratio(1.15) },
  cpu_conn: {
    unit: 'us/connection',
    better: 'lower',
    about: 'one request per connection, 16 at once, tunnels warm',
    goal: ratio(0.6),
  },
  conn_rate: {
    unit: 'connections/s',
    better: 'higher',
    about: 'one request per connection, 16 at once, tunnels warm',
    goal: ratio(1.25),
  },
  cpu_byte: { unit: 'ns/byte', better: 'lower', about: 'one stream upwards', goal: ratio(0.98) },
  p50_c1: { unit: 'us', better: 'lower', about: 'added median latency, one connection', added: true, goal: ratio(0.9) },
  p50_r3200: {
    unit: 'us',
    better: 'lower',
    about: 'added median latency, 3,200 requests/s',
    added: true,
    goal: ratio(0.9),
  },
  cpu_cold: {
    unit: 'us/connection',
    better: 'lower',
    about: 'a full mutual handshake for each connection, 8 at once',
    goal: ratio(1),
  },
  mem_conn: {
    unit: 'KiB/connection',
    better: 'lower',
    about: 'resident growth per node with 1,000 connections open',
    goal: ratio(0.6),
  },
  mem_idle_anon: {
    unit: 'MiB',
    better: 'lower',
    about: 'anonymous memory per node after the start',
    goal: { of: 'value', limit: 30 },
  },
};
