import { expect, it } from 'vitest';
import { envoyConfig } from './envoy-config.ts';

const text = JSON.stringify(envoyConfig({ certificates: '/c', serverIp: '10.0.0.9', accessLog: '/dev/stdout' }));

/** Names of the clusters and internal listeners that something refers to, and of those that exist. */
function names(pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, name = '']) => name))].sort();
}

it('refers to no listener or cluster that does not exist', () => {
  const { static_resources } = JSON.parse(text) as {
    static_resources: Record<'clusters' | 'listeners', { name: string }[]>;
  };
  const clusters = static_resources.clusters.map(({ name }) => name);
  const listeners = static_resources.listeners.map(({ name }) => name);
  expect(clusters).toEqual(expect.arrayContaining(names(/"cluster":"([^"]+)"/g)));
  expect(clusters).toEqual(expect.arrayContaining(names(/\{"name":"([^"]+)","weight"/g)));
  expect(listeners).toEqual(expect.arrayContaining(names(/"server_listener_name":"([^"]+)"/g)));
  expect(new Set([...clusters, ...listeners]).size).toBe(clusters.length + listeners.length - 2);
});

it('does what the waypoint of the comparison is meant to do', () => {
  expect(names(/"hostname":"([^"]+)"/g)).toEqual(['10.0.0.9:8080', '10.0.0.9:8081', '10.0.0.9:9080', '10.0.0.9:9081']);
  expect(names(/"weight":([0-9]+)/g)).toEqual(['10', '90']);
  expect(names(/"exact":"([^"]+)"/g)).toEqual([
    '10.96.0.80:80',
    '10.96.0.80:81',
    'spiffe://cluster.local/ns/bench/sa/client',
    'spiffe://cluster.local/ns/bench/sa/server',
    'true',
  ]);
  expect(names(/"tls_minimum_protocol_version":"([^"]+)"/g)).toEqual(['TLSv1_3']);
});
