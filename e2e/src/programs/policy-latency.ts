// Writes a policy through the API, takes it away again, and says how long after each write the first connection had the
// other outcome. Runs in a pod whose account may write policies.
import { connect } from 'node:net';
import { systemClock } from '@ambit/core/clock';
import { inClusterApiServer } from '@ambit/kube/api-server';
import { KubeClient } from '@ambit/kube/client';
import { AUTHORIZATION_POLICIES, type KubeObject } from '@ambit/kube/resource';

/** Parameters. */
export interface PolicyLatencyOptions {
  readonly host: string;
  readonly port: number;
  readonly policy: KubeObject & { readonly metadata: { readonly name: string; readonly namespace: string } };
  readonly rounds: number;
}

/** Milliseconds from the begin of each write to the end of the first connection with the other outcome. */
export interface PolicyLatencyReport {
  readonly applied: readonly number[];
  readonly deleted: readonly number[];
}

const EVERY = 5;
const PATIENCE = 5_000;
const BETWEEN = 1_000;

const options = JSON.parse(process.argv[2] ?? '{}') as PolicyLatencyOptions;
const client = new KubeClient(inClusterApiServer(process.env), { clock: systemClock, userAgent: 'policy-latency' });

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => systemClock.setTimeout(resolve, milliseconds));
}

/** Whether a connection is answered: the server speaks first. */
function isAnswered(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: options.host, port: options.port, noDelay: true });
    const finish = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.on('error', () => finish(false));
    socket.on('end', () => finish(false));
    socket.on('data', () => finish(true));
  });
}

async function untilAnswered(answered: boolean, since: number): Promise<number> {
  for (;;) {
    const begun = systemClock.now();
    if ((await isAnswered()) === answered) return systemClock.now() - since;
    if (begun - since > PATIENCE)
      throw new Error(`no connection was ${answered ? 'answered' : 'refused'} in ${PATIENCE} ms`);
    await pause(Math.max(0, EVERY - (systemClock.now() - begun)));
  }
}

const applied: number[] = [];
const deleted: number[] = [];
const { name, namespace } = options.policy.metadata;
for (let round = 0; round < options.rounds; round++) {
  await untilAnswered(true, systemClock.now());
  let since = systemClock.now();
  const [took] = await Promise.all([
    untilAnswered(false, since),
    client.create(AUTHORIZATION_POLICIES, options.policy),
  ]);
  applied.push(took);
  await pause(BETWEEN);
  since = systemClock.now();
  const [back] = await Promise.all([
    untilAnswered(true, since),
    client.delete(AUTHORIZATION_POLICIES, name, namespace),
  ]);
  deleted.push(back);
  await pause(BETWEEN);
}
process.stdout.write(`${JSON.stringify({ applied, deleted } satisfies PolicyLatencyReport)}\n`);
process.exit(0);
