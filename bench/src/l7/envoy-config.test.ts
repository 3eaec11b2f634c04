import { describe, expect, it } from 'vitest';
import { envoyConfig } from './envoy-config.ts';
import { mintTokens } from './tokens.ts';

const site = { certificates: '/c', serverIp: '10.0.0.9', accessLog: '/dev/stdout' };
const routes = JSON.stringify(envoyConfig({ ...site, tokens: undefined }));
const all = JSON.stringify(envoyConfig({ ...site, tokens: mintTokens(1_000) }));

/** Names of the clusters and internal listeners that something refers to, and of those that exist. */
function names(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, name = '']) => name))].sort();
}

describe.each([
  ['routes', routes],
  ['all', all],
])('Envoy as a waypoint with %s', (_, text) => {
  it('refers to no listener or cluster that does not exist', () => {
    const { static_resources } = JSON.parse(text) as {
      static_resources: Record<'clusters' | 'listeners', { name: string }[]>;
    };
    const clusters = static_resources.clusters.map(({ name }) => name);
    const listeners = static_resources.listeners.map(({ name }) => name);
    expect(clusters).toEqual(expect.arrayContaining(names(text, /"cluster":"([^"]+)"/g)));
    expect(clusters).toEqual(expect.arrayContaining(names(text, /\{"name":"([^"]+)","weight"/g)));
    expect(listeners).toEqual(expect.arrayContaining(names(text, /"server_listener_name":"([^"]+)"/g)));
    expect(new Set([...clusters, ...listeners]).size).toBe(clusters.length + listeners.length - 2);
  });

  it('does what the waypoint of the comparison is meant to do', () => {
    expect(names(text, /"hostname":"([^"]+)"/g)).toEqual([
      '10.0.0.9:8080',
      '10.0.0.9:8081',
      '10.0.0.9:9080',
      '10.0.0.9:9081',
    ]);
    expect(names(text, /"weight":([0-9]+)/g)).toEqual(['10', '90']);
    expect(names(text, /"exact":"([^"]+)"/g)).toEqual(
      expect.arrayContaining([
        '10.96.0.80:80',
        '10.96.0.80:81',
        'spiffe://cluster.local/ns/bench/sa/client',
        'spiffe://cluster.local/ns/bench/sa/server',
        'true',
      ]),
    );
    expect(names(text, /"tls_minimum_protocol_version":"([^"]+)"/g)).toEqual(['TLSv1_3']);
  });
});

it('judges, limits and traces requests with everything on, and nothing of it with routes alone', () => {
  const parts = ['jwt_authn', 'rbac', 'outlier_detection', 'tracing', 'admin', 'retriable_status_codes'];
  const has = (text: string): string[] =>
    parts.filter((part) => new RegExp(`"(envoy\\.filters\\.http\\.)?${part}"`).test(text));
  expect(has(all)).toEqual(parts);
  expect(has(routes)).toEqual([]);
  expect(names(all, /"url_path":\{"path":\{"prefix":"([^"]+)"/g)).toEqual([
    '/admin',
    '/bench',
    '/echo.EchoService/Unary',
    '/healthz',
  ]);
  expect(names(all, /"max_requests":([0-9]+)/g)).toEqual(['100000', '4294967295']);
  expect(names(all, /"random_sampling":\{"value":([0-9]+)/g)).toEqual(['1']);
});
