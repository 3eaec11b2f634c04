import type { Bench, BenchPodName } from '../bench.ts';
import { type Check, demand, eventually, pause } from '../check.ts';
import type { FailingServerReport, Outage } from '../clients/failing-server-options.ts';
import { type AnswerRow, OUTAGE_PORT, type RequestsReport } from '../clients/requests-options.ts';
import { describe, tookAt } from './answers.ts';
import { L7_NAMESPACE } from './manifests.ts';

/** Requests a second. */
const RATE = 500;
/** Requests at once at the most: what comes within two seconds. */
const AT_ONCE = 2 * RATE;
/** How long the load goes on before, during and after the outage, in milliseconds. */
const BEFORE = 3_000;
const DURING = 7_000;
const AFTER = 3_500;
/** How long servers may take to start and to be reached, in milliseconds. */
const REACHED_WITHIN = 5_000;
/** Tries for each request of an outage. */
const MOST_TRIES = 1.2;
/** For half of the requests of an outage, in milliseconds. */
const ANSWERED_WITHIN = 50;
/** For all of them: the timeout of the route, and what a busy machine adds. */
const ENDED_WITHIN = 2_500;
const BACK_WITHIN = 2_000;

const MANIFEST = 'check-outage';
const PODS: readonly BenchPodName[] = ['backend-v1-a', 'backend-v1-b'];
const MORE_TRIES = 'it gets at most a fifth more tries than requests';

/** By name: a backend that answers in whatever way, or does not, in whatever way. */
export const outages: readonly Check<Bench>[] = [
  outageOf('is unavailable', false, `${MORE_TRIES}, and they are answered at once`),
  outageOf('is silent', false, `${MORE_TRIES}, and they end in time`),
  ...(['refuses', 'vanishes', 'is unavailable', 'is silent'] as const).map((outage) =>
    outageOf(outage, true, 'they are answered at once, and served within two seconds of its return'),
  ),
];

/** A backend that is out, all of it: how, and whether its rule has a circuit breaker. */
function outageOf(outage: Outage, breaker: boolean, promise: string): Check<Bench> {
  const how = breaker ? ' and a circuit breaker' : '';
  return {
    name: `all of a backend ${outage} under ${RATE} requests a second with retries${how}: ${promise}`,
    limit: 90_000,
    run: async (bench) => {
      bench.apply(MANIFEST, manifest(breaker));
      try {
        return await undergo(bench, outage, breaker);
      } finally {
        bench.remove(MANIFEST);
      }
    },
  };
}

async function undergo(bench: Bench, outage: Outage, breaker: boolean): Promise<string> {
  const to = { host: bench.serviceAddress(`outage.${L7_NAMESPACE}`), port: OUTAGE_PORT };
  const client = bench.pod('client');
  const startedAt = bench.clock.now();
  const after = REACHED_WITHIN + BEFORE;
  const servers = await Promise.all(
    PODS.map((name) => bench.pod(name).serveFailing({ port: OUTAGE_PORT, outage, after, lasts: DURING })),
  );
  let seen: readonly FailingServerReport[] = [];
  let report: RequestsReport;
  try {
    await eventually(bench.clock, REACHED_WITHIN, 'the backend is reached', async () => {
      const { answers } = await client.requests({ ...to, loops: 1, total: 20 });
      return answers.length === 20 && answers.every(([, , status]) => status === 200) ? true : undefined;
    });
    await pause(bench.clock, REACHED_WITHIN - (bench.clock.now() - startedAt));
    const load = await client.requesting({ ...to, loops: AT_ONCE, rate: RATE });
    await pause(bench.clock, BEFORE + DURING + AFTER);
    report = await load.stop();
  } finally {
    seen = await Promise.all(servers.map((server) => server.stop()));
  }
  demand(report.leftOut === 0, `the load could not be kept up: ${report.leftOut} requests were not sent`);
  demand(report.failures.length === 0, `the client got no answer: ${describe(report)}`);
  const [from, until] = [Math.max(...seen.map((one) => one.from)), Math.min(...seen.map((one) => one.until))];
  const returned = Math.max(...seen.map((one) => one.until));
  const before = report.answers.filter(([at, took]) => at + took < from);
  demand(
    before.every(([, , status]) => status === 200),
    `before the outage: ${describe({ ...report, answers: before })}`,
  );
  return judge(bench, report.answers, { outage, breaker, seen, from, until, returned });
}

interface Undergone {
  readonly outage: Outage;
  readonly breaker: boolean;
  readonly seen: readonly FailingServerReport[];
  /** When all of the backend was out, milliseconds since the epoch. */
  readonly from: number;
  readonly until: number;
  /** When all of it was back. */
  readonly returned: number;
}

function judge(bench: Bench, answers: readonly AnswerRow[], undergone: Undergone): string {
  const { breaker, from, until, returned } = undergone;
  const during = answers.filter(([at]) => at >= from && at < until);
  demand(during.length > (RATE * DURING) / 1_000 / 2, `only ${during.length} requests were sent during the outage`);
  const ratio = tries(bench, undergone) / during.length;
  const [p50, last] = [tookAt(during, 0.5), tookAt(during, 1)];
  const back = servedAfter(answers, returned);
  const measured =
    `${during.length} requests during the outage, ${ratio.toFixed(3)} tries for each; answered after ${Math.round(p50)} ms at p50, ` +
    `the last after ${Math.round(last)} ms; all served ${back} ms after all of it was back, which took ${returned - until} ms`;
  demand(ratio <= MOST_TRIES, `too many tries: ${measured}`);
  demand(last <= ENDED_WITHIN, `not answered in time: ${measured}`);
  const waits = undergone.outage === 'is silent' || undergone.outage === 'vanishes';
  if (breaker || !waits) demand(p50 <= ANSWERED_WITHIN, `answered too late: ${measured}`);
  demand(back <= BACK_WITHIN, `served too late: ${measured}`);
  return measured;
}

/** How often somebody has tried to have a request answered. */
function tries(bench: Bench, { outage, seen, from, until }: Undergone): number {
  const reached = seen.flatMap(({ requests }) => requests).filter((at) => at >= from && at < until).length;
  const asked = seen.reduce((sum, one) => sum + one.asked, 0);
  return reached + asked + (outage === 'refuses' ? refused(bench, from, until) : 0);
}

/** What came to the nodes of the backend and was refused there. */
function refused(bench: Bench, from: number, until: number): number {
  return (['a', 'b'] as const)
    .flatMap((name) => bench.node(name).accessLog(from))
    .filter(({ at, fields }) => at < until && fields['direction'] === 'inbound' && fields['error'] !== undefined)
    .filter(({ fields }) => String(fields['dst.addr'] ?? '').endsWith(`:${OUTAGE_PORT}`)).length;
}

/** From the end of an outage to the begin of the last request that failed, in milliseconds. */
function servedAfter(answers: readonly AnswerRow[], until: number): number {
  const failed = answers.filter(([at, , status]) => at >= until && status !== 200);
  return Math.max(0, ...failed.map(([at]) => at - until));
}

function manifest(breaker: boolean): string {
  const host = `outage.${L7_NAMESPACE}.svc.cluster.local`;
  const annotations = breaker ? { 'ambit.io/circuit-breaker': 'failures=10%, window=5s, open=500ms' } : {};
  return `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: outage
  namespace: ${L7_NAMESPACE}
  annotations: ${JSON.stringify(annotations)}
spec:
  host: ${host}
  trafficPolicy:
    connectionPool: {tcp: {connectTimeout: 400ms}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: outage
  namespace: ${L7_NAMESPACE}
spec:
  hosts: [${host}]
  http:
    - retries: {attempts: 2, retryOn: "5xx,reset,connect-failure", perTryTimeout: 400ms}
      timeout: 1s
      route: [{destination: {host: ${host}}}]
`;
}
