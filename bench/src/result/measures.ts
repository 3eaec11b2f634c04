export interface Measure {
  readonly unit: string;
  readonly better: 'lower' | 'higher';
  readonly about: string;
}

export type MeasureName =
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

/**
 * What is measured, by its name in the JSON report. Processor time is that of all proxies of both nodes; memory is per
 * node; latency is what the proxies add to the same load without them.
 */
export const MEASURES: Readonly<Record<MeasureName, Measure>> = {
  cpu_req_c1: { unit: 'us/request', better: 'lower', about: 'one connection, as fast as it can' },
  cpu_req_r1000: { unit: 'us/request', better: 'lower', about: '32 connections, 1,000 requests/s' },
  cpu_req_r3200: { unit: 'us/request', better: 'lower', about: '32 connections, 3,200 requests/s' },
  cpu_req_max: { unit: 'us/request', better: 'lower', about: '32 connections, as fast as they can' },
  rps_max: { unit: 'requests/s', better: 'higher', about: '32 connections, as fast as they can' },
  cpu_conn: { unit: 'us/connection', better: 'lower', about: 'one request per connection, 16 at once, tunnels warm' },
  conn_rate: { unit: 'connections/s', better: 'higher', about: 'one request per connection, 16 at once, tunnels warm' },
  cpu_byte: { unit: 'ns/byte', better: 'lower', about: 'one stream upwards' },
  p50_c1: { unit: 'us', better: 'lower', about: 'added median latency, one connection' },
  p50_r3200: { unit: 'us', better: 'lower', about: 'added median latency, 3,200 requests/s' },
  cpu_cold: { unit: 'us/connection', better: 'lower', about: 'a full mutual handshake for each connection, 8 at once' },
  mem_conn: { unit: 'KiB/connection', better: 'lower', about: 'resident growth per node with 1,000 connections open' },
  mem_idle_anon: { unit: 'MiB', better: 'lower', about: 'anonymous memory per node after the start' },
};

/** The subject without proxies; what others add in latency is counted from it. */
export const BASELINE = 'direct';

export const MEASURE_NAMES: readonly MeasureName[] = Object.keys(MEASURES) as MeasureName[];
