import { MACHINE_IMAGE } from '../../bed/pod-plan.ts';
import type { Bench } from '../bench.ts';
import { type Check, demand, eventually, pause } from '../check.ts';
import { SERVER_PORTS } from '../clients/options.ts';
import { describeFailures, failures, latency } from '../load-report.ts';
import { nodeArguments } from '../manifests.ts';
import { RATE } from './load.ts';

const MANIFEST = 'check-rolled';
const NAME = 'rolled';
const REPLICAS = 4;
const READY_WITHIN = 30_000;
/** A connection that is served late has not failed; the check says how late. */
const TIMEOUT = 5_000;
const RESET_BY_PROGRAM = 'AMBIT_APPLICATION_RESET';

/**
 * The program closes its listener on SIGTERM, finishes what it has and ends: connections that the kernel has taken for it
 * and that it has not accepted yet are reset then, which no proxy can undo once it has passed bytes on.
 */
export const applicationRolled: Check<Bench> = {
  name: `an application is rolled, pods without preStop, under ${RATE} new connections a second: none fails that the program has not taken`,
  limit: 120_000,
  run: async (bench) => {
    bench.apply(MANIFEST, manifest('one'));
    try {
      const host = await eventually(bench.clock, READY_WITHIN, 'the Service has an address', () =>
        Promise.resolve(bench.serviceAddress(`${NAME}.check`)),
      );
      await answered(bench, host, 'one');
      const load = await bench.pod('client').load({ host, rate: RATE, timeout: TIMEOUT });
      await pause(bench.clock, 2_000);
      const rolledAt = bench.clock.wallTime();
      bench.apply(MANIFEST, manifest('two'));
      await bench.rolled(NAME);
      await pause(bench.clock, 3_000);
      const report = await load.stop();
      demand(report.leftOut === 0, `the load could not be kept up: ${report.leftOut} connections were not opened`);
      const broken = brokenByReason(bench, rolledAt);
      const reset = broken.get(`inbound ${RESET_BY_PROGRAM}`) ?? 0;
      const reasons = [...broken].map(([reason, count]) => `${count} ${reason}`).join(', ');
      const failed = `${describeFailures(report, rolledAt)}; the proxies have logged ${reasons || 'none'}`;
      demand(failures(report).length <= reset, failed);
      return `${failed}; p99 ${Math.round(latency(report, 0.99))} ms, the slowest took ${Math.round(latency(report, 1))} ms`;
    } finally {
      bench.remove(MANIFEST);
    }
  },
};

/** How many connections did not end in order, by who says so and why: `inbound AMBIT_APPLICATION_RESET`. */
function brokenByReason(bench: Bench, since: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { fields } of [...bench.node('a').accessLog(since), ...bench.node('b').accessLog(since)]) {
    if (fields['error'] === undefined) continue;
    const reason = `${fields['direction'] ?? ''} ${fields['reason'] ?? ''}`;
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return counts;
}

async function answered(bench: Bench, host: string, what: string): Promise<void> {
  await eventually(bench.clock, READY_WITHIN, `version ${what} answers`, async () => {
    const { ending } = await bench.pod('client').dial({
      ...{ host, port: SERVER_PORTS.greeting, endAfterAnswer: true, timeout: 2_000 },
    });
    return ending === 'fin' ? true : undefined;
  });
}

function manifest(version: string): string {
  const command = JSON.stringify(['node', ...nodeArguments('server'), 'graceful']);
  const ports = Object.entries(SERVER_PORTS).map(
    ([port, number]) => `    - name: tcp-${port.toLowerCase()}\n      port: ${number}`,
  );
  return `apiVersion: v1
kind: ServiceAccount
metadata:
  name: ${NAME}
  namespace: check
---
apiVersion: v1
kind: Service
metadata:
  name: ${NAME}
  namespace: check
spec:
  selector:
    app: ${NAME}
  ports:
${ports.join('\n')}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${NAME}
  namespace: check
spec:
  replicas: ${REPLICAS}
  selector:
    matchLabels:
      app: ${NAME}
  template:
    metadata:
      labels:
        app: ${NAME}
        version: ${version}
    spec:
      serviceAccountName: ${NAME}
      containers:
        - name: ${NAME}
          image: ${MACHINE_IMAGE}
          command: ${command}
          readinessProbe:
            tcpSocket:
              port: ${SERVER_PORTS.echoOnce}
            periodSeconds: 1
`;
}
