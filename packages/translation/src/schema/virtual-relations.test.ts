import { expect, it } from 'vitest';
import { decodeManifests } from '../decode.ts';

const TO = 'route: [{destination: {host: web}}]';

function problemsOf(kind: string, spec: string): string[] {
  const text = `{apiVersion: networking.istio.io/v1, kind: ${kind}, metadata: {name: web, namespace: shop}, spec: ${spec}}`;
  return decodeManifests('a.yaml', text).problems.map(({ path, message }) => `${path}: ${message}`);
}

function httpProblems(http: string, hosts = '[web]'): string[] {
  return problemsOf('VirtualService', `{hosts: ${hosts}, http: [${http}]}`);
}

it.each([
  ['{redirect: {uri: /a, redirectCode: 302}}'],
  [`{fault: {abort: {grpcStatus: NOT_FOUND}, delay: {fixedDelay: 1s, percent: 100}}, ${TO}}`],
  [`{mirror: {host: web, subset: V2}, mirror_percent: 100, mirrorPercentage: {value: 0.5}, ${TO}}`],
  [`{corsPolicy: {allowOrigins: [{exact: "*"}], allowMethods: [GET, "*"], maxAge: 1m}, ${TO}}`],
  [`{headers: {request: {set: {Host: a, x-a: "%REQ(b)%", x-b: "100%%"}}}, ${TO}}`],
  [`{rewrite: {uriRegexRewrite: {match: a, rewrite: b}, authority: c}, ${TO}}`],
  [`{match: [{sourceNamespace: a, sourceLabels: {b: c}, headers: {x-a: {}}, queryParams: {q: {exact: ""}}}], ${TO}}`],
  ['{delegate: {name: other, namespace: b}, match: [{uri: {prefix: /a}}]}'],
  [`{directResponse: {status: 599, body: {bytes: aGk=}}}`],
])('a route such as %s is taken', (http) => {
  expect(httpProblems(http)).toEqual([]);
});

it.each([
  ['{redirect: {}}', 'redirect: needs a uri, authority, scheme or port'],
  ['{redirect: {uri: /a, prefixRewrite: /b}}', 'redirect: only one of uri and prefixRewrite may be given'],
  ['{redirect: {port: 1, derivePort: FROM_REQUEST_PORT}}', 'redirect: only one of port and derivePort may be given'],
  ['{redirect: {scheme: ftp}}', 'redirect.scheme: "ftp" is not http or https'],
  ['{redirect: {uri: /a, redirectCode: 200}}', 'redirect.redirectCode: 200 is not the status of a redirect'],
  [
    '{redirect: {uri: /a}, fault: {abort: {httpStatus: 500}}, rewrite: {uri: /b}}',
    'fault: does not go with redirect',
    'rewrite: does not go with redirect',
  ],
  [`{redirect: {uri: /a}, ${TO}}`, ': needs exactly one of route, redirect, directResponse and delegate'],
  [`{rewrite: {}, ${TO}}`, 'rewrite: needs a uri, uriRegexRewrite or authority'],
  [
    `{rewrite: {uri: /a, uriRegexRewrite: {match: a}}, ${TO}}`,
    'rewrite: only one of uri and uriRegexRewrite may be given',
    'rewrite.uriRegexRewrite: needs both match and rewrite',
  ],
  [
    `{rewrite: {authority: a}, headers: {request: {set: {host: b}}}, ${TO}}`,
    ': sets the host of requests twice: "a", "b"',
  ],
  [
    '{route: [{destination: {host: web}, headers: {request: {set: {Host: a}, add: {":authority": b}}}}]}',
    'route[0].headers: sets the host of requests twice: "a", "b"',
  ],
  [
    `{headers: {request: {set: {":path": a, "x y": b, x-c: "5%"}, remove: [host]}, response: {set: {Host: a}}}, ${TO}}`,
    'headers.request.set.:path: ":path" cannot be changed here',
    'headers.request.set.x y: "x y" is not the name of a header',
    'headers.request.set.x-c: has a single %',
    'headers.request.remove[0]: "host" cannot be changed here',
    'headers.response.set.Host: "Host" cannot be changed here',
  ],
  [`{fault: {}, ${TO}}`, 'fault: needs a delay or an abort'],
  [
    `{fault: {abort: {}, delay: {percent: 101}}, ${TO}}`,
    'fault.delay: needs a fixedDelay',
    'fault.delay.percent: 101 is not a percentage',
    'fault.abort: needs exactly one of httpStatus and grpcStatus',
  ],
  [
    `{fault: {abort: {http2Error: x, percentage: {value: -1}}, delay: {exponentialDelay: 1s}}, ${TO}}`,
    'fault.delay.exponentialDelay: has no effect, as in Istio',
    'fault.abort.http2Error: has no effect, as in Istio',
    'fault.abort.percentage: -1 is not a percentage',
  ],
  [`{fault: {abort: {httpStatus: 199}}, ${TO}}`, 'fault.abort.httpStatus: 199 is not a status that ends a request'],
  [`{fault: {abort: {grpcStatus: "14"}}, ${TO}}`, 'fault.abort.grpcStatus: "14" is not the name of a gRPC status'],
  [
    `{mirror: {host: "*"}, mirrorPercentage: {value: 100.1}, mirrors: [{destination: {host: a, subset: "b.c"}, percentage: {value: 101}}], ${TO}}`,
    'mirror.host: "*" is not the name of a host',
    'mirrors[0].destination.subset: "b.c" is not the name of a subset',
    'mirrors[0].percentage: 101 is not a percentage',
    'mirrorPercentage: 100.1 is not a percentage',
  ],
  [
    `{mirror: {host: a}, mirrorPercent: 1, mirror_percent: 2, ${TO}}`,
    'mirror_percent: is another way to write mirrorPercent, which is given too',
  ],
  [
    `{corsPolicy: {allowOrigins: [{}, {exact: ""}], allowMethods: [get], allowHeaders: ["a b"], maxAge: 1.5s}, ${TO}}`,
    'corsPolicy.allowOrigins[0]: must not be empty',
    'corsPolicy.allowOrigins[1]: must not be empty',
    'corsPolicy.allowMethods[0]: "get" is not a method',
    'corsPolicy.allowHeaders[0]: "a b" is not the name of a header',
    'corsPolicy.maxAge: must be whole seconds',
  ],
  ['{directResponse: {status: 100}}', 'directResponse.status: 100 is not a status that ends a request'],
  [
    '{directResponse: {status: 200, body: {string: a, bytes: "?"}}}',
    'directResponse.body: only one of string and bytes may be given',
    'directResponse.body.bytes: is not base64',
  ],
  [
    `{match: [{uri: {prefix: ""}, headers: {"@request.auth.claims.a": {exact: b}}, withoutHeaders: {x: {regex: ""}}, sourceNamespace: A_B}], ${TO}}`,
    'match[0].uri: must not be empty',
    'match[0].headers.@request.auth.claims.a: claims of a token choose no route inside of the mesh',
    'match[0].withoutHeaders.x: must not be empty',
    'match[0].sourceNamespace: "A_B" is not the name of a namespace',
  ],
  [`{retries: {retryOn: 5xx}, ${TO}}`, 'retries: says what is tried again, and with 0 attempts nothing is'],
  [
    '{delegate: {namespace: b}, match: [{uri: {regex: a}}]}',
    'delegate.name: is required and missing',
    'match[0].uri: an expression cannot be put together with the matches of another object',
  ],
])('a route such as %s is refused', (http, ...problems) => {
  expect(httpProblems(http).sort()).toEqual(problems.map((problem) => `spec.http[0]${dotted(problem)}`).sort());
});

function dotted(problem: string): string {
  return problem.startsWith(':') ? problem : `.${problem}`;
}

it.each([
  ['[web, web]', 'spec.hosts[1]: "web" and "web" stand for the same hosts'],
  ['["*.a.b", x.a.b]', 'spec.hosts[1]: "x.a.b" and "*.a.b" stand for the same hosts'],
  ['[x.a.b, "*.b"]', 'spec.hosts[1]: "*.b" and "x.a.b" stand for the same hosts'],
  ['["*.a.b", "*.b"]', 'spec.hosts[1]: "*.b" and "*.a.b" stand for the same hosts'],
  ['["*"]', 'spec.hosts[0]: * alone is for gateways only'],
  ['[a.*.b]', 'spec.hosts[0]: "a.*.b" is not the name of a host'],
  ['[a_b]', 'spec.hosts[0]: "a_b" is not the name of a host'],
])('the hosts %s are refused', (hosts, problem) => {
  expect(httpProblems(`{${TO}}`, hosts)).toEqual([problem]);
});

it.each([['[web, other]'], ['["*.a.b", "*.c.b"]'], ['[10.0.0.1, "*-a.b"]']])('the hosts %s are taken', (hosts) => {
  expect(httpProblems(`{${TO}}`, hosts)).toEqual([]);
});

it.each([
  [
    'VirtualService',
    `{gateways: [mesh], http: [{delegate: {name: b}}], tcp: [{${TO}}]}`,
    'spec.gateways: does not go without hosts',
    'spec.tcp: does not go without hosts',
    'spec.http[0].delegate: an object without hosts is delegated to, and cannot delegate further',
  ],
  [
    'VirtualService',
    `{hosts: [a.b], tls: [{match: [{sniHosts: [c.b]}], ${TO}}, {match: [], route: []}]}`,
    'spec.tls[0].match[0].sniHosts[0]: "c.b" is none of the hosts of the object',
    'spec.tls[1].match: needs one match at least',
    'spec.tls[1].route: needs one destination at least',
  ],
  ['VirtualService', `{hosts: ["*.b"], tls: [{match: [{sniHosts: [c.b, "*.d.b"]}], ${TO}}]}`],
  [
    'VirtualService',
    `{hosts: [web], tcp: [{route: [{destination: {host: a}}, {destination: {host: b}}]}]}`,
    'spec.tcp[0].route: the weights add up to 0',
  ],
  [
    'VirtualService',
    `{hosts: [web], exportTo: ["*", a_b, "."], http: [{${TO}}]}`,
    'spec.exportTo[0]: "*" stands alone or not at all',
    'spec.exportTo[1]: "a_b" is neither a namespace nor one of . * ~',
  ],
  ['DestinationRule', '{host: web, exportTo: [".", a]}'],
  [
    'DestinationRule',
    '{host: "a b", exportTo: [a, a], subsets: [{name: "v.1"}]}',
    'spec.host: "a b" is not the name of a host',
    'spec.exportTo[1]: "a" stands twice',
    'spec.subsets[0].name: "v.1" is not the name of a subset',
  ],
])('%s %s', (kind, spec, ...problems) => {
  expect(problemsOf(kind, spec)).toEqual(problems);
});
