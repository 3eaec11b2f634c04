/**
 * A client of packages/kube as a process, for tests of it against a real API server, which they can reach only from the
 * cluster's network: `follow NAMESPACE`, `lead NAMESPACE IDENTITY` (until the end of standard input) or `apply NAMESPACE
 * NAME MANAGER VALUE`. Prints what happens as lines of JSON.
 */
import { systemClock } from '@ambit/core/clock';
import { createPlainLog } from '@ambit/core/plain-log';
import { apiServerOfKubeconfig } from '@ambit/kube/api-server';
import { KubeClient, KubeError } from '@ambit/kube/client';
import { Informer } from '@ambit/kube/informer';
import { LeaderElection } from '@ambit/kube/leader-election';
import { CONFIG_MAPS, type KubeObject } from '@ambit/kube/resource';

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

const clock = systemClock;
const [command = '', namespace = '', ...words] = process.argv.slice(2);
const log = createPlainLog('kube', { descriptor: 2 });
const client = new KubeClient(apiServerOfKubeconfig(process.env['KUBECONFIG'] ?? ''), {
  clock,
  userAgent: 'ambit-e2e',
});

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** A ConfigMap with `freeze` in its data stops the process, deaf and dumb, for so many milliseconds. */
function follow(): void {
  const informer = new Informer<ConfigMap>({
    client,
    resource: CONFIG_MAPS,
    namespace,
    clock,
    log,
    onState: (state) => say({ state }),
    onChange: ({ kind, object }) => {
      const { name, uid, resourceVersion } = object.metadata;
      say({ kind, name, uid, resourceVersion });
      const freeze = Number(object.data?.['freeze'] ?? '0');
      if (freeze > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, freeze);
    },
  });
  informer.start();
}

function lead(identity: string): void {
  const election = new LeaderElection({
    client,
    namespace,
    name: 'lead',
    identity,
    clock,
    log,
    leaseDuration: 4_000,
    renewDeadline: 3_000,
    retryPeriod: 500,
    onChange: (leading) => say({ leading }),
  });
  election.start();
  process.stdin.resume().on('end', () => void election.close({ deadline: 2_000 }).then(() => client.destroy()));
}

async function apply(name: string, fieldManager: string, value: string): Promise<void> {
  const object: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data: { value } };
  for (const force of [false, true]) {
    try {
      const { data } = await client.apply<ConfigMap>(CONFIG_MAPS, object, { fieldManager, force });
      say({ force, data });
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      say({ force, code: error.code, reason: error.reason, message: error.message });
    }
  }
  await client.close({ deadline: 1_000 });
}

if (command === 'follow') follow();
else if (command === 'lead') lead(words[0] ?? '');
else await apply(words[0] ?? '', words[1] ?? '', words[2] ?? '');
