import { describe, expect, it } from 'vitest';
import { MAX_CORS_LIST, MAX_HEADER_CHANGE_BYTES, MAX_HEADER_CHANGES, MAX_PATH_LENGTH } from '../limits.ts';
import { cartService, forwardTo, type RouteInit, read, type ServiceInit, V1 } from '../test-service.ts';
import type { HttpRoute } from './served-service.ts';

/** Written down field by field, not a message made before. */
type Init = Exclude<RouteInit, { $typeName: 'ambit.waypoint.HttpRoute' }>;
type Of<Key extends keyof Init> = NonNullable<Init[Key]>;
type Forward = Extract<Of<'action'>, { case?: 'forward' }>['value'];
type Redirect = Extract<Of<'action'>, { case?: 'redirect' }>['value'];

const service = (route: RouteInit): ServiceInit => cartService({ ports: [{ port: 80, routes: [route] }] });
const plain = forwardTo(V1) as Init;
const withForward = (value: object): Init => ({
  name: 'r',
  action: { case: 'forward', value: value as NonNullable<Forward> },
});
const withDestination = (fields: object): RouteInit =>
  withForward({ destinations: [{ cluster: V1, weight: 1, ...fields }] });
const withRedirect = (value: object): RouteInit => ({
  name: 'r',
  action: { case: 'redirect', value: { status: 302, ...value } as NonNullable<Redirect> },
});
const withPath = (kind: object): RouteInit => withForward({ rewrite: { path: { kind } } });
const withHeaders = (requestHeaders: Of<'requestHeaders'>): RouteInit => ({ ...plain, requestHeaders });
const setting = (name: string, value = 'v'): RouteInit => withHeaders({ set: [{ name, value }] });

function readRoute(route: RouteInit): HttpRoute {
  const read_ = read(service(route)).ports[0]?.routes[0];
  if (read_ === undefined) throw new Error('no route');
  return read_;
}

describe('a route with filters', () => {
  const changes = {
    remove: ['x-a'],
    set: [{ name: 'x-b', value: '1' }],
    add: [{ name: 'x-c', value: '2' }],
  };

  it('is read as it was written', () => {
    const route = readRoute({
      name: 'r',
      requestHeaders: changes,
      responseHeaders: { remove: ['server', 'x-forwarded-client-cert'] },
      fault: {
        delay: { delayMs: 5_000, perMillion: 100_000 },
        abort: { status: { case: 'grpcStatus', value: 14 }, perMillion: 1_000_000 },
      },
      cors: {
        allowOrigins: [{ kind: { case: 'regex', value: 'https://.*' } }],
        allowMethods: ['*'],
        maxAgeSeconds: 0,
        allowCredentials: true,
      },
      action: {
        case: 'forward',
        value: {
          destinations: [
            {
              cluster: V1,
              weight: 1,
              responseHeaders: changes,
              rewrite: { authority: 'other:8080', path: { kind: { case: 'full', value: '/a' } } },
            },
            {
              weight: 1,
              redirect: {
                status: 308,
                scheme: 'https',
                hostname: 'o.example',
                port: { case: 'choice', value: 1 },
                path: { kind: { case: 'prefix', value: { prefix: '/a', replacement: '/b', bySegment: true } } },
              },
            },
          ],
          rewrite: { path: { kind: { case: 'regex', value: { regex: '(a)', substitution: '\\1' } } } },
        },
      },
    });
    const none = { requestHeaders: null, responseHeaders: null, rewrite: null, redirect: null, mirrors: [] };
    expect(route).toEqual({
      name: 'r',
      matches: [],
      requestHeaders: changes,
      responseHeaders: { remove: ['server', 'x-forwarded-client-cert'], set: [], add: [] },
      fault: {
        delay: { delayMs: 5_000, perMillion: 100_000 },
        abort: { kind: 'grpc', status: 14, perMillion: 1_000_000 },
      },
      cors: {
        allowOrigins: [{ kind: 'regex', text: 'https://.*', ignoreCase: false }],
        allowMethods: ['*'],
        allowHeaders: [],
        exposeHeaders: [],
        maxAgeSeconds: 0,
        allowCredentials: true,
        forwardUnmatchedPreflights: false,
      },
      action: {
        kind: 'forward',
        timeoutMs: 0,
        retry: null,
        mirrors: [],
        session: null,
        rewrite: { authority: '', path: { kind: 'regex', regex: '(a)', substitution: '\\1' } },
        destinations: [
          {
            ...none,
            cluster: V1,
            weight: 1,
            responseHeaders: changes,
            rewrite: { authority: 'other:8080', path: { kind: 'full', path: '/a' } },
          },
          {
            ...none,
            cluster: '',
            weight: 1,
            redirect: {
              status: 308,
              scheme: 'https',
              hostname: 'o.example',
              port: 'implied-by-scheme',
              path: { kind: 'prefix', prefix: '/a', replacement: '/b', bySegment: true },
            },
          },
        ],
      },
    });
  });

  it('has nothing where nothing is said', () => {
    const route = readRoute({
      ...withForward({ destinations: [{ cluster: V1, weight: 1, requestHeaders: {}, rewrite: {} }], rewrite: {} }),
      requestHeaders: {},
      responseHeaders: {},
      fault: {},
    });
    expect(route).toEqual(readRoute({ ...plain, name: 'r' }));
  });

  it.each([
    [{}, 'as-requested'],
    [{ port: { case: 'choice', value: 0 } }, 'as-requested'],
    [{ port: { case: 'number', value: 8080 } }, 8080],
  ] as const)('redirects by %o to the port %s', (redirect, port) => {
    expect(readRoute(withRedirect(redirect)).action).toMatchObject({ kind: 'redirect', port });
  });

  it.each([
    ['', 'text/plain'],
    ['text/html; charset=utf-8', 'text/html; charset=utf-8'],
  ])('answers with content of type "%s" as %s', (contentType, read_) => {
    const value = { status: 200, body: 'b', contentType };
    expect(readRoute({ name: 'r', action: { case: 'directResponse', value } }).action).toMatchObject({
      contentType: read_,
    });
  });
});

describe('a route is refused when', () => {
  const many = [...Array(MAX_HEADER_CHANGES + 1).keys()].map((index) => `x-${index}`);

  it.each<[string, RouteInit, string]>([
    ...[
      'connection',
      'content-length',
      'http2-settings',
      'keep-alive',
      'proxy-connection',
      'te',
      'trailer',
      'transfer-encoding',
      'upgrade',
    ].map((name): [string, RouteInit, string] => [
      `it sets ${name}`,
      setting(name),
      `request_headers.set[0].name: "${name}" belongs to the connection`,
    ]),
    [
      'it removes framing',
      withHeaders({ remove: ['content-length'] }),
      'request_headers.remove[0]: "content-length" belongs to the connection',
    ],
    ['it sets the host', setting('host'), 'set[0].name: "host" is changed by a rewrite'],
    ['it sets a pseudo field', setting(':path'), 'set[0].name: ":path" is not the name'],
    ['it sets the authority', setting(':authority'), 'set[0].name: ":authority" is changed by a rewrite'],
    ['it sets a name in capitals', setting('X-A'), 'set[0].name: "X-A" is not the name'],
    ['it sets an empty name', setting(''), 'set[0].name: "" is not the name'],
    [
      'it says who the client is',
      setting('x-forwarded-client-cert'),
      'set[0].name: "x-forwarded-client-cert" is said by proxies',
    ],
    [
      'it says who the client is with underscores',
      setting('x_forwarded_client-cert'),
      'set[0].name: "x_forwarded_client-cert" is said by proxies',
    ],
    ['a value breaks a line', setting('x-a', 'a\r\nx-b: c'), 'set[0].value: has a control character'],
    ['a value has a NUL', setting('x-a', '\0'), 'set[0].value: has a control character'],
    [
      'an added name is wrong',
      withHeaders({ add: [{ name: 'x a', value: '' }] }),
      'request_headers.add[0].name: "x a" is not',
    ],
    ['too many headers are changed', withHeaders({ remove: many }), 'request_headers: changes 129 headers'],
    [
      'headers are too long',
      setting('x-a', 'a'.repeat(MAX_HEADER_CHANGE_BYTES)),
      `request_headers: has ${MAX_HEADER_CHANGE_BYTES + 3} bytes`,
    ],
    [
      'it changes framing in answers',
      { ...plain, responseHeaders: { remove: ['transfer-encoding'] } },
      'response_headers.remove[0]: "transfer-encoding" belongs',
    ],
    [
      'a destination sets the host',
      withDestination({ requestHeaders: { set: [{ name: 'host', value: 'a' }] } }),
      'forward.destinations[0].request_headers.set[0].name: "host"',
    ],
    [
      'an authority has a path',
      withForward({ rewrite: { authority: 'a/b' } }),
      'rewrite.authority: "a/b" is not a host',
    ],
    [
      'an authority has a user',
      withForward({ rewrite: { authority: 'a@b' } }),
      'rewrite.authority: "a@b" is not a host',
    ],
    ['an authority has no port', withForward({ rewrite: { authority: 'a:' } }), 'rewrite.authority: "" in "a:" is not'],
    ['an authority has a wrong port', withForward({ rewrite: { authority: 'a:0' } }), '"0" in "a:0" is not a port'],
    ['a path is of no kind', withPath({ case: undefined }), 'rewrite.path.kind: is not set'],
    ['a path is relative', withPath({ case: 'full', value: 'a' }), 'rewrite.path.full: "a" is no path'],
    ['a path is empty', withPath({ case: 'full', value: '' }), 'rewrite.path.full: "" is no path'],
    ['a path leaves the root', withPath({ case: 'full', value: '/../a' }), 'rewrite.path.full: "/../a" is no path'],
    ['a path has a query', withPath({ case: 'full', value: '/a?b' }), 'full: "/a?b" has a space'],
    ['a path has a fragment', withPath({ case: 'full', value: '/a#b' }), 'full: "/a#b" has a space'],
    ['a path has a space', withPath({ case: 'full', value: '/a b' }), 'full: "/a b" has a space'],
    ['a path breaks a line', withPath({ case: 'full', value: '/a HTTP/1.1\r\nx: y' }), 'which no path has'],
    [
      'a path is too long',
      withPath({ case: 'full', value: `/${'a'.repeat(MAX_PATH_LENGTH)}` }),
      'rewrite.path.full: has 4097 characters',
    ],
    [
      'a prefix has a query',
      withPath({ case: 'prefix', value: { prefix: '/a?', replacement: '/b' } }),
      'rewrite.path.prefix.prefix: "/a?" has',
    ],
    [
      'a replacement has a space',
      withPath({ case: 'prefix', value: { prefix: '/a', replacement: '/ b' } }),
      'rewrite.path.prefix.replacement: "/ b" has',
    ],
    [
      'an expression is invalid',
      withPath({ case: 'regex', value: { regex: '(', substitution: '' } }),
      'rewrite.path.regex.regex: "(" is no RE2 expression',
    ],
    [
      'a substitution names no group',
      withPath({ case: 'regex', value: { regex: 'a', substitution: '\\1' } }),
      'rewrite.path.regex.substitution: "\\1": the expression has 0 groups',
    ],
    [
      'a destination redirects and leads somewhere',
      withDestination({ redirect: { status: 302 } }),
      'destinations[0].cluster: ',
    ],
    ['a redirect has no status', withRedirect({ status: 0 }), 'redirect.status: 0 is none of 301'],
    ['a redirect is none', withRedirect({ status: 304 }), 'redirect.status: 304 is none of 301'],
    ['a redirect has no scheme', withRedirect({ scheme: 'HTTPS' }), 'redirect.scheme: "HTTPS" is not a scheme'],
    [
      'a redirect has a host with a port',
      withRedirect({ hostname: 'a:80' }),
      'redirect.hostname: "a:80" is not a host',
    ],
    ['a redirect breaks a line', withRedirect({ hostname: 'a\r\nx: y' }), 'redirect.hostname: '],
    [
      'a redirect has no port',
      withRedirect({ port: { case: 'number', value: 0 } }),
      'redirect.number: 0 is not a port',
    ],
    [
      'a redirect chooses oddly',
      withRedirect({ port: { case: 'choice', value: 7 } }),
      'redirect.choice: value 7 is not',
    ],
    [
      'a redirect has a relative path',
      withRedirect({ path: { kind: { case: 'full', value: 'a' } } }),
      'redirect.path.full: "a" is no path',
    ],
    [
      'more than all are delayed',
      { ...plain, fault: { delay: { delayMs: 1, perMillion: 1_000_001 } } },
      'fault.delay.per_million: 1000001 is more',
    ],
    ['a delay is none', { ...plain, fault: { delay: { perMillion: 1 } } }, 'fault.delay.delay_ms: 0 is not'],
    [
      'a delay is endless',
      { ...plain, fault: { delay: { delayMs: 2_147_483_648, perMillion: 1 } } },
      'fault.delay.delay_ms: 2147483648 is not',
    ],
    ['an abort has no status', { ...plain, fault: { abort: { perMillion: 1 } } }, 'fault.abort.status: is not set'],
    [
      'an abort is not final',
      { ...plain, fault: { abort: { status: { case: 'httpStatus', value: 101 } } } },
      'fault.abort.http_status: 101 is not',
    ],
    [
      'an abort has no gRPC status',
      { ...plain, fault: { abort: { status: { case: 'grpcStatus', value: 17 } } } },
      'fault.abort.grpc_status: 17 is not',
    ],
    ['an origin is of no kind', { ...plain, cors: { allowOrigins: [{}] } }, 'cors.allow_origins[0].kind: is not set'],
    [
      'a method is no token',
      { ...plain, cors: { allowMethods: ['GET, PUT'] } },
      'cors.allow_methods[0]: "GET, PUT" is no token',
    ],
    ['an allowed header breaks a line', { ...plain, cors: { allowHeaders: ['a\r\nb'] } }, 'cors.allow_headers[0]: '],
    ['an exposed header is empty', { ...plain, cors: { exposeHeaders: [''] } }, 'cors.expose_headers[0]: "" is no'],
    [
      'there are too many origins',
      { ...plain, cors: { allowOrigins: Array(MAX_CORS_LIST + 1).fill({ kind: { case: 'exact', value: 'a' } }) } },
      'cors.allow_origins: has 257 items',
    ],
    [
      'a type of content breaks a line',
      { name: 'r', action: { case: 'directResponse', value: { status: 200, contentType: 'a\n' } } },
      'direct_response.content_type: has a control character',
    ],
  ])('%s', (_case, route, problem) => {
    expect(() => read(service(route))).toThrow(
      expect.objectContaining({
        code: 'AMBIT_WAYPOINT_RESOURCE',
        message: expect.stringContaining(problem) as string,
      }),
    );
  });

  it.each(['requestHeaders', 'responseHeaders'])('connections would have %s', (name) => {
    const tcpDestinations = [{ cluster: V1, weight: 1, [name]: { remove: ['x-a'] } }];
    expect(() => read(cartService({ ports: [{ port: 80, tcpDestinations }] }))).toThrow(
      /ports\[0\]\.tcp_destinations\[0\]: changes or copies requests, and connections have none/,
    );
  });
});
