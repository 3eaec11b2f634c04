import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { httpAccessLog } from './http-access-log.ts';
import type { DownstreamFacts, HttpAccessLog, HttpLogRecord, UpstreamFacts } from './http-log-record.ts';
import { LOG_VALUE_CHARACTERS } from './limits.ts';
import { flagSet, NO_FLAGS } from './response-flag-set.ts';

const CLIENT: DownstreamFacts = {
  localAddress: '10.96.0.5:8080',
  remoteAddress: '10.244.1.7:41005',
  serverName: undefined,
  principal: 'spiffe://cluster.local/ns/shop/sa/web',
  workload: 'shop/web-7c9d8',
};
const ENDPOINT: UpstreamFacts = {
  host: '10.244.2.1:8080',
  cluster: 'outbound|8080|v1|cart.shop.svc.cluster.local',
  localAddress: '10.244.1.3:39482',
  workload: 'shop/cart-v1-6d5f8',
};
type Request = Omit<HttpLogRecord, 'downstream' | 'route' | 'upstream'>;
const GET: Request = {
  startTime: Date.UTC(2026, 10, 21, 9, 5, 7, 61),
  method: 'GET',
  path: '/items/17?all=1',
  protocol: 'HTTP/1.1',
  status: 200,
  flags: NO_FLAGS,
  details: 'via_upstream',
  terminationDetails: undefined,
  transportFailure: undefined,
  bytesReceived: 0,
  bytesSent: 1_243,
  duration: 3.9,
  upstreamServiceTime: 2,
  forwardedFor: undefined,
  userAgent: 'curl/8.9.1',
  requestId: 'f73a27b7-67c5-43ac-b4e0-00a474c4b422',
  authority: 'cart.shop:8080',
  policy: undefined,
  reason: undefined,
};
const MISSING: Request = {
  startTime: Date.UTC(2026, 10, 21),
  method: undefined,
  path: undefined,
  protocol: undefined,
  status: 0,
  flags: flagSet('URX', 'UF'),
  details: undefined,
  terminationDetails: undefined,
  transportFailure: undefined,
  bytesReceived: 0,
  bytesSent: 0,
  duration: 0,
  upstreamServiceTime: undefined,
  forwardedFor: undefined,
  userAgent: undefined,
  requestId: undefined,
  authority: undefined,
  policy: undefined,
  reason: undefined,
};
const NOBODY: DownstreamFacts = {
  localAddress: undefined,
  remoteAddress: undefined,
  serverName: undefined,
  principal: undefined,
  workload: undefined,
};

function full(log: HttpAccessLog, request: Request): HttpLogRecord {
  const ends = { downstream: log.downstream(CLIENT), upstream: log.upstream(ENDPOINT) };
  return { ...request, ...ends, route: log.route('shop/cart-canary.0') };
}

function empty(log: HttpAccessLog): HttpLogRecord {
  return { ...MISSING, downstream: log.downstream(NOBODY), upstream: undefined, route: undefined };
}

function line(log: HttpAccessLog, record: HttpLogRecord): string {
  const into = Buffer.alloc(262_144, 0xee);
  const end = log.writeLine(record, into, 3);
  expect(into.subarray(0, 3).every((byte) => byte === 0xee)).toBe(true);
  return into.toString('latin1', 3, end);
}

describe('a line of text', () => {
  const log = httpAccessLog('text');

  it('is Istio’s default format with our fields behind it', () => {
    expect(line(log, full(log, GET))).toBe(
      '[2026-11-21T09:05:07.061Z] "GET /items/17?all=1 HTTP/1.1" 200 - via_upstream - "-" 0 1243 3 2 "-" "curl/8.9.1" ' +
        '"f73a27b7-67c5-43ac-b4e0-00a474c4b422" "cart.shop:8080" "10.244.2.1:8080" ' +
        'outbound|8080|v1|cart.shop.svc.cluster.local 10.244.1.3:39482 10.96.0.5:8080 10.244.1.7:41005 - shop/cart-canary.0 ' +
        'source_principal="spiffe://cluster.local/ns/shop/sa/web" source_workload="shop/web-7c9d8" ' +
        'destination_workload="shop/cart-v1-6d5f8" policy="-" reason="-"\n',
    );
  });

  it('says why a request was refused', () => {
    const refused = { status: 403, details: 'rbac_access_denied', policy: 'shop/deny-outsiders', reason: 'deny-rule' };
    const text = line(log, { ...full(log, { ...GET, ...refused }), upstream: undefined });
    expect(text).toContain(' 403 - rbac_access_denied - "-" 0 ');
    expect(text).toContain(' "cart.shop:8080" "-" - - 10.96.0.5:8080 ');
    expect(text).toMatch(/ destination_workload="-" policy="shop\/deny-outsiders" reason="deny-rule"\n$/);
  });

  it('has dashes for what is missing', () => {
    expect(line(log, empty(log))).toBe(
      '[2026-11-21T00:00:00.000Z] "- - -" 0 UF,URX - - "-" 0 0 0 - "-" "-" "-" "-" "-" - - - - - - ' +
        'source_principal="-" source_workload="-" destination_workload="-" policy="-" reason="-"\n',
    );
  });
});

describe('a line of JSON', () => {
  const log = httpAccessLog('json');

  it('has Istio’s keys in its order and ours behind them', () => {
    const text = line(log, full(log, GET));
    expect(text.endsWith('}\n')).toBe(true);
    const value: unknown = JSON.parse(text);
    const expected = {
      start_time: '2026-11-21T09:05:07.061Z',
      route_name: 'shop/cart-canary.0',
      method: 'GET',
      path: '/items/17?all=1',
      protocol: 'HTTP/1.1',
      response_code: 200,
      response_flags: '-',
      response_code_details: 'via_upstream',
      connection_termination_details: null,
      bytes_received: 0,
      bytes_sent: 1_243,
      duration: 3,
      upstream_service_time: '2',
      x_forwarded_for: null,
      user_agent: 'curl/8.9.1',
      request_id: 'f73a27b7-67c5-43ac-b4e0-00a474c4b422',
      authority: 'cart.shop:8080',
      upstream_host: '10.244.2.1:8080',
      upstream_cluster: 'outbound|8080|v1|cart.shop.svc.cluster.local',
      upstream_local_address: '10.244.1.3:39482',
      downstream_local_address: '10.96.0.5:8080',
      downstream_remote_address: '10.244.1.7:41005',
      requested_server_name: null,
      upstream_transport_failure_reason: null,
      source_principal: 'spiffe://cluster.local/ns/shop/sa/web',
      source_workload: 'shop/web-7c9d8',
      destination_workload: 'shop/cart-v1-6d5f8',
      policy: null,
      reason: null,
    };
    expect(text).toBe(`${JSON.stringify(expected)}\n`);
    expect(value).toEqual(expected);
  });

  it('has null for what is missing', () => {
    const value = JSON.parse(line(log, empty(log))) as Record<string, unknown>;
    const given = ['start_time', 'response_code', 'response_flags', 'bytes_received', 'bytes_sent', 'duration'];
    for (const [key, one] of Object.entries(value)) {
      if (!given.includes(key)) expect(one, key).toBeNull();
    }
    expect(value['response_flags']).toBe('UF,URX');
  });
});

/** What the text format writes for a value, undone. */
function unescapeText(text: string): string {
  return text.replace(/\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|(.))/g, (_, octet?: string, unit?: string, plain?: string) =>
    plain === undefined ? String.fromCharCode(Number.parseInt(octet ?? unit ?? '', 16)) : plain,
  );
}

describe('hostile values', () => {
  const hostile = [
    'a\n[2026-11-21T00:00:00.000Z] "GET /forged HTTP/1.1" 200',
    '" 200 - via_upstream',
    'a","response_code":200,"x":"',
    'trailing backslash, long enough for words\\',
    '\u001b[2J\u009b31m\u007f and some more text',
    'caf\u00c3\u00a9 \u2028 \u202e \ufeff \ud800',
    '\u010a\u0122\u015c two octets',
    '',
    '-',
  ];
  const values = fc.oneof(
    fc.constantFrom(...hostile),
    fc.string({ unit: 'binary', maxLength: 80 }),
    fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((octet) => String.fromCharCode(octet)), maxLength: 80 }),
    fc.string({ unit: 'grapheme-ascii', maxLength: 80 }),
  );

  it('stay one value on one line of text', () => {
    const log = httpAccessLog('text');
    fc.assert(
      fc.property(values, values, values, (path, userAgent, reason) => {
        const downstream = log.downstream({ ...CLIENT, workload: reason });
        const record = { ...full(log, { ...GET, path, userAgent, reason, policy: path }), downstream };
        // Three times: what repeats itself is taken from memory.
        const [text = '', ...again] = [1, 2, 3].map(() => line(log, record));
        expect(again).toEqual([text, text]);
        expect(text).toMatch(/^[ -~]*\n$/);
        const value = '"([^"]*)"';
        const found = new RegExp(
          `^\\[[^\\]]*\\] "GET ([^" ]+) HTTP/1\\.1" 200 - via_upstream - "-" 0 1243 3 2 "-" ${value} "[^"]*" "cart\\.shop:8080" ` +
            `.* source_workload=${value} destination_workload="[^"]*" policy=${value} reason=${value}\n$`,
        ).exec(text);
        expect(found?.slice(1).map(unescapeText)).toEqual([
          path.length > 0 ? path : '-',
          userAgent,
          reason,
          path,
          reason,
        ]);
      }),
    );
  });

  it('stay one value of JSON', () => {
    const log = httpAccessLog('json');
    fc.assert(
      fc.property(values, values, (path, userAgent) => {
        const downstream = log.downstream({ ...CLIENT, workload: path });
        const route = log.route(userAgent);
        const record = { ...full(log, { ...GET, path, userAgent, authority: path }), downstream, route };
        const [text = '', ...again] = [1, 2, 3].map(() => line(log, record));
        expect(again).toEqual([text, text]);
        expect(text).toMatch(/^[ -~]*\n$/);
        const plain = JSON.parse(line(log, full(log, GET))) as object;
        expect(JSON.parse(text)).toEqual({
          ...plain,
          path,
          user_agent: userAgent,
          authority: path,
          source_workload: path,
          route_name: userAgent,
        });
      }),
    );
  });

  it('are cut when they are long', () => {
    for (const format of ['text', 'json'] as const) {
      const log = httpAccessLog(format);
      const text = line(log, full(log, { ...GET, path: `/${'a'.repeat(LOG_VALUE_CHARACTERS)}` }));
      expect(text).toContain(`/${'a'.repeat(LOG_VALUE_CHARACTERS - 1)}...`);
    }
  });
});

describe('numbers and times', () => {
  it('are written exactly', () => {
    const log = httpAccessLog('json');
    fc.assert(
      fc.property(
        fc.oneof(fc.maxSafeNat(), fc.nat(20), fc.constantFrom(9, 10, 99, 100, 2 ** 31, 2 ** 32, 1e15)),
        fc.double({ min: 0, max: 1e9, noNaN: true }),
        fc.date({ min: new Date(0), max: new Date(Date.UTC(2200, 0)), noInvalidDate: true }),
        (bytesSent, duration, date) => {
          const value: unknown = JSON.parse(
            line(log, full(log, { ...GET, bytesSent, duration, startTime: date.getTime() })),
          );
          expect(value).toMatchObject({
            bytes_sent: bytesSent,
            duration: Math.floor(duration),
            start_time: date.toISOString(),
          });
        },
      ),
    );
  });
});

describe('a buffer that is too small', () => {
  it('is left as it was', () => {
    for (const format of ['text', 'json'] as const) {
      const log = httpAccessLog(format);
      const record = full(log, { ...GET, path: '\n'.repeat(LOG_VALUE_CHARACTERS) });
      for (const size of [0, 100, 2_000, 8_000]) {
        const into = Buffer.alloc(size, 0xee);
        const end = log.writeLine(record, into, size >> 1);
        expect(end).toBe(-1);
        expect(into.every((byte) => byte === 0xee)).toBe(true);
      }
    }
  });
});
