import type { Bench } from '../bench.ts';
import { type Check, demand, eventually, pause } from '../check.ts';
import { SERVER_PORTS } from '../clients/options.ts';
import { describeCuts } from '../load-report.ts';
import { withManifest } from '../policy/refusal.ts';
import { byWaypoint, httpAt } from './answers.ts';
import { L7_NAMESPACE, RAW_SERVICE, WAYPOINT } from './manifests.ts';

const SERVICE = 'steady';
const IN_FORCE_WITHIN = 3_000;
const VISIBLE_WITHIN = 5_000;
/** A forbidden connection may live so long after the policy was written, in milliseconds. */
const CUT_WITHIN = 1_000;
const CONNECTIONS = 5;
const TIMEOUT = 3_000;

export const judgedAtWaypoint: Check<Bench> = {
  name: 'an AuthorizationPolicy with targetRefs is judged by the waypoint: by method, path and identity, of raw TCP too, and what is open is cut within a second',
  limit: 90_000,
  run: async (bench) => {
    await byWaypoint(bench, `${SERVICE}.${L7_NAMESPACE}`, WAYPOINT);
    const since = bench.clock.wallTime();
    await judgedTogether(bench, [policy('DENY', '{to: [{operation: {methods: [DELETE], paths: ["/orders/{*}"]}}]}')], {
      'GET /orders/1': 200,
      'DELETE /orders/1': 403,
      'DELETE /other/../orders/%31': 403,
    });
    await eventually(bench.clock, VISIBLE_WITHIN, 'an access record that names the policy', () => {
      const records = bench.waypoints(WAYPOINT).flatMap((waypoint) => waypoint.accessLog(since));
      return Promise.resolve(records.find(({ fields }) => fields['policy'] === `${L7_NAMESPACE}/judged`));
    });
    await judgedTogether(bench, [policy('ALLOW', principal('nobody'))], { 'GET /orders/1': 403 });
    await judgedTogether(bench, [policy('ALLOW', principal('check/sa/client'))], { 'GET /orders/1': 200 });
    const cut = await cutAfter(bench);
    return `requests by method, path and identity; of ${CONNECTIONS} raw connections the last was cut after ${cut} ms`;
  },
};

function principal(account: string): string {
  return `{from: [{source: {principals: ["cluster.local/ns/${account}"]}}]}`;
}

function policy(action: 'ALLOW' | 'DENY', rule: string, namespace = L7_NAMESPACE, service = SERVICE): string {
  return `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: judged, namespace: ${namespace}}
spec:
  targetRefs: [{group: "", kind: Service, name: ${service}}]
  action: ${action}
  rules:
    - ${rule}
`;
}

/** Waits until requests are answered as they should be under policies. */
function judgedTogether(
  bench: Bench,
  policies: readonly string[],
  expected: Readonly<Record<string, number>>,
): Promise<void> {
  return withManifest(bench, 'check-judged', policies.join('---\n'), async () => {
    for (const [request, status] of Object.entries(expected)) {
      await eventually(bench.clock, IN_FORCE_WITHIN, `${request} is answered with ${status}`, async () =>
        (await answerTo(bench, request)).startsWith(`HTTP/1.1 ${status} `) ? true : undefined,
      );
    }
  });
}

async function answerTo(bench: Bench, request: string): Promise<string> {
  const send = `${request} HTTP/1.1\r\nHost: ${SERVICE}\r\nConnection: close\r\n\r\n`;
  const { received } = await bench
    .pod('client')
    .dial({ ...httpAt(bench, `${SERVICE}.${L7_NAMESPACE}`), send, timeout: TIMEOUT });
  return received;
}

/** Milliseconds from the write of a policy to the last cut of the connections that it forbids. */
async function cutAfter(bench: Bench): Promise<number> {
  const host = bench.serviceAddress(`${RAW_SERVICE}.check`);
  const load = await bench.pod('client').load({ host, rate: 0, held: CONNECTIONS, messageEvery: 20 });
  const since = bench.clock.wallTime();
  return withManifest(
    bench,
    'check-judged',
    policy('DENY', principal('check/sa/client'), 'check', RAW_SERVICE),
    async () => {
      await pause(bench.clock, CUT_WITHIN);
      const report = await load.stop();
      demand(report.cuts.length === CONNECTIONS, `within ${CUT_WITHIN} ms ${describeCuts(report)}`);
      await eventually(bench.clock, IN_FORCE_WITHIN, 'a new connection is refused', async () => {
        const to = { host, port: SERVER_PORTS.greeting, endAfterAnswer: true, timeout: TIMEOUT };
        return (await bench.pod('client').dial(to)).received === '' ? true : undefined;
      });
      return Math.max(...report.cuts.map((cut) => cut.at)) - since;
    },
  );
}
