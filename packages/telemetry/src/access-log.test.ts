import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AccessEvent, AccessLines, type AccessRoute } from './access-log.ts';

const ROUTE: AccessRoute = {
  process: 2,
  direction: 'outbound',
  source: {
    workload: 'web',
    namespace: 'shop',
    identity: 'spiffe://cluster.local/ns/shop/sa/web',
    cluster: 'Kubernetes',
  },
  destination: { workload: 'cart', namespace: 'shop' },
  service: 'cart.shop.svc.cluster.local',
};

const ENDED: AccessEvent = {
  time: Date.UTC(2026, 10, 21, 12, 29, 14, 776),
  connection: 17,
  traceId: '0af7651916cd43dd8448eb211c80319c',
  source: { ip: '10.0.0.1', port: 60_874 },
  destination: { ip: 'fd00::2', port: 15_008 },
  hboneAddress: '[fd00::2]:8080',
  bytesSent: 78,
  bytesReceived: 461,
  duration: 40.4,
  responseFlag: '-',
  policy: undefined,
  rule: undefined,
  reason: undefined,
  error: undefined,
};

const REFUSED: AccessEvent = {
  ...ENDED,
  responseFlag: 'DENY',
  policy: 'shop/deny-outsiders',
  rule: 0,
  reason: 'deny-rule',
  traceId: undefined,
  error: 'denied by policy shop/deny-outsiders, rule 0',
};

function formatAccessText(event: AccessEvent, route: AccessRoute = ROUTE): string {
  return withoutLineFeed(new AccessLines('text', route).line(event));
}

function formatAccessJson(event: AccessEvent, route: AccessRoute = ROUTE): string {
  return withoutLineFeed(new AccessLines('json', route).line(event));
}

function withoutLineFeed(line: string): string {
  expect(line.endsWith('\n')).toBe(true);
  return line.slice(0, -1);
}

describe('a line of text', () => {
  it('has what Istio’s has, and the ids that join it with other logs', () => {
    expect(formatAccessText(ENDED)).toBe(
      '2026-11-21T12:29:14.776Z\tinfo\taccess\tconnection complete\t' +
        'src.addr=10.0.0.1:60874 src.workload="web" src.namespace="shop" ' +
        'src.identity="spiffe://cluster.local/ns/shop/sa/web" src.cluster="Kubernetes" ' +
        'dst.addr=[fd00::2]:15008 dst.hbone_addr=[fd00::2]:8080 dst.service="cart.shop.svc.cluster.local" ' +
        'dst.workload="cart" dst.namespace="shop" direction="outbound" bytes_sent=78 bytes_recv=461 duration="40ms" ' +
        'response_flags="-" connection.id=2-17 trace.id=0af7651916cd43dd8448eb211c80319c',
    );
  });

  it('of a refusal is an error that names policy, rule and reason', () => {
    const line = formatAccessText(REFUSED);
    expect(line).toContain('\terror\taccess\t');
    expect(line).toContain(
      'response_flags="DENY" connection.id=2-17 policy="shop/deny-outsiders" rule=0 reason="deny-rule" error="denied by',
    );
  });
});

describe('a line of JSON', () => {
  it('has the same fields, numbers as numbers', () => {
    expect(JSON.parse(formatAccessJson(REFUSED, { ...ROUTE, direction: 'inbound' }))).toEqual({
      level: 'error',
      time: '2026-11-21T12:29:14.776Z',
      scope: 'access',
      message: 'connection complete',
      'src.addr': '10.0.0.1:60874',
      'src.workload': 'web',
      'src.namespace': 'shop',
      'src.identity': 'spiffe://cluster.local/ns/shop/sa/web',
      'src.cluster': 'Kubernetes',
      'dst.addr': '[fd00::2]:15008',
      'dst.hbone_addr': '[fd00::2]:8080',
      'dst.service': 'cart.shop.svc.cluster.local',
      'dst.workload': 'cart',
      'dst.namespace': 'shop',
      direction: 'inbound',
      bytes_sent: 78,
      bytes_recv: 461,
      duration: '40ms',
      response_flags: 'DENY',
      'connection.id': '2-17',
      policy: 'shop/deny-outsiders',
      rule: 0,
      reason: 'deny-rule',
      error: 'denied by policy shop/deny-outsiders, rule 0',
    });
  });
});

describe('hostile values', () => {
  const hostile = [
    '10.0.0.2:80\n2026-11-21T00:00:00Z\tinfo\taccess\tforged',
    '10.0.0.2:80 error="none"',
    'a"} , "level":"info',
    '\u001b[2J\u009b31m\u007f',
    '\u2028\u2029\u202e\ufeff',
    '\ud800',
    '=',
    '',
  ];
  // Nothing that ends a line, acts on a terminal or turns the direction of writing.
  const inert = /^[^\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff]*$/;

  it('stay one value on one line in both formats', () => {
    const values = fc.oneof(
      fc.constantFrom(...hostile),
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme' }),
    );
    fc.assert(
      fc.property(values, values, (target, error) => {
        const event: AccessEvent = { ...ENDED, hboneAddress: target, error, policy: target, traceId: error };
        const route: AccessRoute = { ...ROUTE, service: target, source: { workload: error } };
        const text = formatAccessText(event, route);
        expect(text).toMatch(inert);
        expect(text.split('\t')).toHaveLength(5);
        const quoted = /(?:^| )error="((?:[^"\\]|\\.)*)"$/.exec(text)?.[1];
        expect(JSON.parse(`"${quoted ?? ''}"`)).toBe(error.isWellFormed() ? error : JSON.parse(JSON.stringify(error)));
        const json = formatAccessJson(event, route);
        expect(json).toMatch(inert);
        expect(JSON.parse(json)).toMatchObject({ 'dst.hbone_addr': target, error, policy: target, level: 'error' });
      }),
      { numRuns: 500 },
    );
  });

  it('are quoted where a bare value would end early', () => {
    const line = formatAccessText({ ...ENDED, hboneAddress: '10.0.0.2:80 error="none"' });
    expect(line).toContain('dst.hbone_addr="10.0.0.2:80 error=\\"none\\"" ');
  });

  it('of any length become short', () => {
    const long = 'x'.repeat(1_000_000);
    const event = { ...ENDED, hboneAddress: long, error: long };
    expect(formatAccessText(event).length).toBeLessThan(4_000);
    expect(formatAccessJson(event).length).toBeLessThan(4_000);
  });
});

it('writes what changes between connections of one route each time anew', () => {
  const lines = new AccessLines('text', ROUTE);
  const first = lines.line(ENDED);
  const other = { ...ENDED, time: ENDED.time + 1, connection: 18, hboneAddress: '10.9.9.9:80' };
  expect(lines.line(other)).toBe(
    first.replace('14.776Z', '14.777Z').replace('2-17', '2-18').replace('[fd00::2]:8080', '10.9.9.9:80'),
  );
  expect(lines.line(ENDED)).toBe(first);
});
