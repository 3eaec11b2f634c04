import { describe, expect, it } from 'vitest';
import { cartService, read, type ServiceInit } from '../test-service.ts';

const RING = { case: 'minimumRingSize', value: 1_024 } as const;

const withCluster = (fields: object): ServiceInit => {
  const [cluster] = cartService().clusters ?? [];
  return cartService({ clusters: [{ ...cluster, ...fields }] });
};

describe('a resource is refused when', () => {
  it.each<[string, ServiceInit, string]>([
    [
      'a hash has no key',
      withCluster({ consistentHash: { table: RING } }),
      'clusters[0].consistent_hash.key: is of a kind that is not known',
    ],
    [
      'a hash has no table',
      withCluster({ consistentHash: { key: { case: 'header', value: 'x' } } }),
      'clusters[0].consistent_hash.table: is of a kind that is not known',
    ],
    [
      'the header of a hash is empty',
      withCluster({ consistentHash: { key: { case: 'header', value: '' }, table: RING } }),
      'clusters[0].consistent_hash.header: is empty',
    ],
    [
      'the query parameter of a hash is empty',
      withCluster({ consistentHash: { key: { case: 'queryParameter', value: '' }, table: RING } }),
      'clusters[0].consistent_hash.query_parameter: is empty',
    ],
    [
      'a hash is of no address',
      withCluster({ consistentHash: { key: { case: 'sourceIp', value: false }, table: RING } }),
      'clusters[0].consistent_hash.source_ip: is false',
    ],
    [
      'a ring has no place',
      withCluster({
        consistentHash: { key: { case: 'sourceIp', value: true }, table: { case: 'minimumRingSize', value: 0 } },
      }),
      'clusters[0].consistent_hash.minimum_ring_size: is 0',
    ],
    [
      'a Maglev table is no prime number',
      withCluster({
        consistentHash: { key: { case: 'sourceIp', value: true }, table: { case: 'maglevTableSize', value: 1_024 } },
      }),
      'clusters[0].consistent_hash.maglev_table_size: 1024 is not a prime number up to 65537',
    ],
    [
      'a cookie ends its field',
      withCluster({
        consistentHash: { key: { case: 'cookie', value: { name: 'a', path: '/; Domain=x' } }, table: RING },
      }),
      'clusters[0].consistent_hash.cookie.path: "/; Domain=x" cannot stand in a cookie',
    ],
    [
      'a cookie has no name',
      withCluster({ consistentHash: { key: { case: 'cookie', value: {} }, table: RING } }),
      'clusters[0].consistent_hash.cookie.name: "" is not the name of a cookie',
    ],
    [
      'the attribute of a cookie is another one',
      withCluster({
        consistentHash: { key: { case: 'cookie', value: { name: 'a', attributes: [{ name: 'b;c' }] } }, table: RING },
      }),
      'clusters[0].consistent_hash.cookie.attributes[0].name: "b;c" is not the name of a cookie',
    ],
    [
      'a warm-up takes no time',
      withCluster({ warmup: { minimumPercent: 10, aggression: 1 } }),
      'clusters[0].warmup.duration_ms: is 0',
    ],
    [
      'a warm-up begins beyond its end',
      withCluster({ warmup: { durationMs: 1n, minimumPercent: 101, aggression: 1 } }),
      'clusters[0].warmup.minimum_percent: 101 is no share of 100',
    ],
    [
      'a warm-up never begins',
      withCluster({ warmup: { durationMs: 1n, minimumPercent: 10 } }),
      'clusters[0].warmup.aggression: is not above 0',
    ],
  ])('%s', (_case, service, problem) => {
    expect(() => read(service)).toThrow(
      expect.objectContaining({
        code: 'AMBIT_WAYPOINT_RESOURCE',
        message: expect.stringContaining(problem) as string,
      }),
    );
  });
});
