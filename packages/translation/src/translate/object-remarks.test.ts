import { describe, expect, it } from 'vitest';
import { decodeManifests } from '../decode.ts';
import { remarksOn } from './object-remarks.ts';
import { DEFAULT_SETTINGS } from './settings.ts';

/** What is remarked on the one object of a kind with a spec, both as they stand in YAML. */
function remarks(apiVersion: string, kind: string, spec: string): string[] {
  const text = `{apiVersion: ${apiVersion}, kind: ${kind}, metadata: {name: a, namespace: shop}, spec: ${spec}}`;
  const { objects, problems } = decodeManifests('a.yaml', text);
  expect(problems).toEqual([]);
  return objects.flatMap(({ object }) => remarksOn(object, DEFAULT_SETTINGS));
}

describe('remarks on a single object', () => {
  it.each<[string, string, string, string, readonly RegExp[]]>([
    [
      'a route',
      'networking.istio.io/v1',
      'VirtualService',
      '{hosts: [web], http: [{route: [{destination: {host: web}}]}]}',
      [],
    ],
    [
      'a retry condition that is not known',
      'networking.istio.io/v1',
      'VirtualService',
      '{hosts: [web], http: [{retries: {attempts: 2, retryOn: now-and-then}, route: [{destination: {host: web}}]}]}',
      [/^spec\.http\[0\]\.retries\.retryOn now-and-then: not honoured, so the object as a whole has no effect$/],
    ],
    [
      'an expression that is none',
      'networking.istio.io/v1',
      'VirtualService',
      '{hosts: [web], http: [{match: [{uri: {regex: "a("}}], route: [{destination: {host: web}}]}]}',
      [/spec\.http\[0\].*a\(/],
    ],
    [
      'more expressions than are looked at for whoever asks',
      'networking.istio.io/v1',
      'VirtualService',
      `{hosts: [web], http: [${Array.from({ length: 300 }, () => '{match: [{uri: {regex: "a{1,900}"}}], route: [{destination: {host: web}}]}').join(', ')}]}`,
      [],
    ],
    [
      'a rate limit',
      'policy.ambit.io/v1alpha1',
      'LocalRateLimitPolicy',
      '{targetRefs: [{group: "", kind: Service, name: web}], rules: [{name: a, limit: {requests: 1}}]}',
      [],
    ],
    [
      'a rate limit with an expression that is none',
      'policy.ambit.io/v1alpha1',
      'LocalRateLimitPolicy',
      '{targetRefs: [{group: "", kind: Service, name: web}], rules: [{name: a, matches: [{path: {type: RegularExpression, value: "a("}}], limit: {requests: 1}}]}',
      [/rules\[0\]\.matches\[0\]\.path\.regex: .*; the object has no effect$/],
    ],
    [
      'a rate limit with more expressions than are looked at',
      'policy.ambit.io/v1alpha1',
      'LocalRateLimitPolicy',
      `{targetRefs: [{group: "", kind: Service, name: web}], rules: [{name: a, matches: [{path: {type: RegularExpression, value: "(${'a'.repeat(1_024)}"}}], limit: {requests: 1}}]}`,
      [],
    ],
    [
      'a fault without percentage, and a route after one that takes everything',
      'networking.istio.io/v1',
      'VirtualService',
      '{hosts: [web], http: [{fault: {abort: {httpStatus: 503}}, route: [{destination: {host: web}}]}, {name: late, match: [{uri: {prefix: /}}], route: [{destination: {host: web}}]}]}',
      [/aborts nothing/, /takes every request/],
    ],
    [
      'fields with a successor',
      'networking.istio.io/v1',
      'VirtualService',
      '{hosts: [web], http: [{fault: {delay: {fixedDelay: 1s, percent: 5}}, mirror: {host: web}, mirrorPercent: 5, route: [{destination: {host: web}}]}]}',
      [/mirrorPercent is deprecated, write mirrorPercentage/, /percent is deprecated, write fault\.delay\.percentage/],
    ],
    [
      'limits that nobody counts',
      'networking.istio.io/v1',
      'DestinationRule',
      '{host: web, trafficPolicy: {outlierDetection: {consecutiveErrors: 3}}}',
      [/^spec\.trafficPolicy\.outlierDetection\.consecutiveErrors: not honoured, the rest is$/],
    ],
    [
      'a tunnel of its own',
      'networking.istio.io/v1',
      'DestinationRule',
      '{host: web, trafficPolicy: {tunnel: {protocol: CONNECT, targetHost: a, targetPort: 1}}}',
      [/tunnel: not honoured, so the object as a whole has no effect/],
    ],
    [
      'what is honoured at some hosts alone',
      'networking.istio.io/v1',
      'DestinationRule',
      '{host: web, trafficPolicy: {loadBalancer: {simple: PASSTHROUGH}}}',
      [
        /simple PASSTHROUGH: honoured at ServiceEntries with resolution NONE alone, elsewhere the object has no effect$/,
      ],
    ],
    [
      'a certificate in a file',
      'networking.istio.io/v1',
      'DestinationRule',
      '{host: web, trafficPolicy: {tls: {mode: SIMPLE, caCertificates: /etc/ca.pem}}}',
      [/^spec\.trafficPolicy\.tls\.caCertificates: .*; connections are refused where it says so$/],
    ],
    [
      'a host outside',
      'networking.istio.io/v1',
      'ServiceEntry',
      '{hosts: [example.com], resolution: DNS, ports: [{number: 80, name: http}]}',
      [],
    ],
    [
      'a host outside that stands for many',
      'networking.istio.io/v1',
      'ServiceEntry',
      '{hosts: ["*.example.com"], ports: [{number: 80, name: http}]}',
      [/^spec\.hosts \*\.example\.com: .*; the object has no effect$/],
    ],
    [
      'a machine behind a socket',
      'networking.istio.io/v1',
      'WorkloadEntry',
      '{address: "unix:///run/a"}',
      [/^spec\.address: Unix sockets .*; the object has no effect$/],
    ],
    [
      'a policy of node proxies',
      'security.istio.io/v1',
      'AuthorizationPolicy',
      '{action: DENY, rules: [{to: [{operation: {ports: ["80"]}}]}]}',
      [],
    ],
    [
      'a policy that node proxies cannot judge',
      'security.istio.io/v1',
      'AuthorizationPolicy',
      '{rules: [{to: [{operation: {methods: [GET]}}]}]}',
      [/^node proxies cannot judge .*methods.*allows nothing$/],
    ],
    [
      'tokens',
      'security.istio.io/v1',
      'RequestAuthentication',
      '{jwtRules: [{issuer: example.com}]}',
      [/it has no effect$/],
    ],
    ['mutual TLS', 'security.istio.io/v1', 'PeerAuthentication', '{mtls: {mode: STRICT}}', []],
  ])('%s', (_name, apiVersion, kind, spec, said) => {
    const found = remarks(apiVersion, kind, spec);
    expect(found).toHaveLength(said.length);
    for (const [index, pattern] of said.entries()) expect(found[index]).toMatch(pattern);
  });
});
