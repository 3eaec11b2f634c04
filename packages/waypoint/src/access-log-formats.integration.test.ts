import type { LogFormat } from '@ambit/traffic/model/telemetry';
import { describe, expect, it } from 'vitest';
import { answering, Client, Raw } from './test-application.ts';
import { start } from './test-start.ts';
import type { TestServiceOptions, TestWaypoint } from './test-waypoint.ts';

const text = (format: string, omitEmptyValues = false): LogFormat => ({ kind: 'text', text: format, omitEmptyValues });
const labels = (values: Readonly<Record<string, string>>, omitEmptyValues = false): LogFormat => ({
  kind: 'labels',
  labels: Object.entries(values).map(([name, value]) => ({ name, value })),
  omitEmptyValues,
});

function logging(format: LogFormat, options: Partial<TestServiceOptions> = {}): TestWaypoint {
  const endpoint = answering('HTTP/1.1', 200, 'hello', ['x-version', 'v1']);
  const telemetry = { accessLog: { disabled: false, filter: '', format } };
  return start({ endpoints: { 'cart-1': endpoint }, telemetry, ...options });
}

/** The line of one request. */
function lineOf(format: LogFormat, fields: Readonly<Record<string, string>> = {}, options = {}): string {
  const bed = logging(format, options);
  const answer = new Client(bed, 'HTTP/1.1').send({ ':path': '/a?b=c', 'user-agent': 'curl', ...fields });
  bed.loop.until(() => answer.settled);
  const lines = bed.lines();
  expect(lines).toHaveLength(1);
  return lines[0] ?? '';
}

describe('a format of text', () => {
  it.each<[string, string | RegExp]>([
    ['%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%', 'GET /a?b=c HTTP/1.1'],
    ['%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%', '200 - via_upstream'],
    ['%BYTES_RECEIVED%/%BYTES_SENT%', '0/5'],
    ['%DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%', /^\d+ \d+$/],
    ['%REQ(User-Agent)% %REQ(USER-AGENT):2% %REQ(:AUTHORITY)%', 'curl cu cart'],
    ['%RESP(X-VERSION)% %RESP(:STATUS)% %RESP(NOT-THERE)%', 'v1 200 -'],
    ['%START_TIME%', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/],
    ['%ROUTE_NAME% %UPSTREAM_CLUSTER%', 'default outbound|80||cart.shop.svc.cluster.local'],
    ['%UPSTREAM_HOST% %UPSTREAM_LOCAL_ADDRESS%', /^127\.\d+\.\d+\.10:8080 -$/],
    ['%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_PORT%', '10.96.0.1:80 80'],
    ['%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%', '10.96.0.1'],
    ['%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_REMOTE_ADDRESS%', /^127\.0\.0\.1 127\.0\.0\.1:\d+$/],
    ['%DOWNSTREAM_PEER_URI_SAN%', 'spiffe://cluster.local/ns/shop/sa/web'],
    ['%MESH_SOURCE_WORKLOAD% %MESH_DESTINATION_WORKLOAD%', 'shop/web-1 shop/cart-1'],
    ['%MESH_POLICY% %MESH_REASON%', '- -'],
    ['%CONNECTION_TERMINATION_DETAILS% %UPSTREAM_TRANSPORT_FAILURE_REASON%', '- -'],
    ['%REQUESTED_SERVER_NAME% %TRACE_ID% %GRPC_STATUS% %GRPC_STATUS_NUMBER%', '- - - -'],
    ['100 %% of "%REQ(:METHOD)%"\n', '100 % of "GET"'],
  ])('%j', (format, line) => {
    expect(lineOf(text(format))).toMatch(typeof line === 'string' ? new RegExp(`^${escaped(line)}$`) : line);
  });

  it('leaves out what has no value when it is told to', () => {
    expect(lineOf(text('[%ROUTE_NAME%][%TRACE_ID%]["%TRACE_ID%"]', true))).toBe('[default][][""]');
  });

  // Log injection: whatever a client sends.
  it('keeps a client from ending a field or a line', () => {
    const evil = '1" 200 "\\ \u00e9';
    const line = lineOf(text('"%REQ(X-EVIL)%" %REQ(X-EVIL)% %RESPONSE_CODE%'), {
      'x-evil': evil,
    });
    expect(line).toMatch(/^"[ !#-~]*" [!#-~]* 200$/);
    expect(line).toContain('1\\x22 200 \\x22\\\\ ');
    expect(line).toContain(' 1\\x22\\x20200\\x20\\x22\\\\\\x20');
  });

  it('is cut where a value is endless', () => {
    expect(lineOf(text('%REQ(X-LONG)%'), { 'x-long': 'x'.repeat(5_000) })).toBe(`${'x'.repeat(1_024)}...`);
  });
});

describe('a format of labels', () => {
  it('is a line of JSON with keys in its order, numbers as numbers and null for what is missing', () => {
    const format = labels({
      code: '%RESPONSE_CODE%',
      flags: '%RESPONSE_FLAGS%',
      request: '%REQ(:METHOD)% %REQ(:PATH)% "%TRACE_ID%"',
      trace: '%TRACE_ID%',
      fixed: 'x',
      'a "key"': '%REQ(USER-AGENT)%',
    });
    const fixed = '"code":200,"flags":"-","request":"GET /a?b=c \\"-\\"","trace":null,"fixed":"x"';
    expect(lineOf(format)).toBe(`{${fixed},"a \\"key\\"":"curl"}`);
  });

  it('leaves out what has no value when it is told to', () => {
    expect(lineOf(labels({ trace: '%TRACE_ID%', code: '%RESPONSE_CODE%' }, true))).toBe('{"code":200}');
    expect(lineOf(labels({ trace: '%TRACE_ID%' }, true))).toBe('{}');
  });

  // Log injection: whatever a client sends.
  it('keeps a client from adding keys and lines', () => {
    const evil = '","code":200,"x":"\\';
    const format = labels({ agent: '%REQ(X-EVIL)%', both: '<%REQ(X-EVIL)%>' });
    expect(JSON.parse(lineOf(format, { 'x-evil': evil }))).toEqual({ agent: evil, both: `<${evil}>` });
  });
});

it('a connection whose bytes are not looked at is written in the format too', () => {
  const bed = logging(text('%PROTOCOL% %REQ(:PATH)% %RESPONSE_CODE% %UPSTREAM_CLUSTER% %MESH_DESTINATION_WORKLOAD%'), {
    protocol: 'tcp',
    endpoints: {
      'cart-1': (tunnel) => {
        tunnel.open([], new Raw());
      },
    },
  });
  const connection = bed.open(new Raw());
  connection.destroy(undefined, true);
  bed.loop.until(() => bed.lines().length > 0);
  expect(bed.lines()).toEqual(['- - 0 outbound|80||cart.shop.svc.cluster.local shop/cart-1']);
});

function escaped(line: string): string {
  return line.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
