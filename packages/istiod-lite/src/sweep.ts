// Runs once, after the mesh was uninstalled: deletes what the controller has made, and names what is kept.
import { systemClock } from '@ambit/core/clock';
import { duration, readEnvironment, text } from '@ambit/core/environment';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { apiServerOfKubeconfig, inClusterApiServer } from '@ambit/kube/api-server';
import { KubeClient } from '@ambit/kube/client';
import { RELEASE } from './release.ts';
import { keptObjects } from './sweep/kept-objects.ts';
import { controllersEnded, deleteMadeObjects } from './sweep/made-objects.ts';

const VARIABLES = {
  namespace: text('POD_NAMESPACE', 'istio-system', 'namespace of the mesh'),
  timeout: duration('SWEEP_TIMEOUT', 120_000, 'for which it waits until the controller has ended'),
  kubeconfig: text('KUBECONFIG', '', 'file that names the API server; empty: that of the cluster'),
} as const;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Sweeps as far as it can; true when nothing failed. Throws `AMBIT_CONFIG`, `AMBIT_KUBE_CONFIG`. */
async function sweep(): Promise<boolean> {
  const { namespace, timeout, kubeconfig } = readEnvironment(VARIABLES, process.env);
  const server = kubeconfig === '' ? inClusterApiServer(process.env) : apiServerOfKubeconfig(kubeconfig);
  const client = new KubeClient(server, { clock: systemClock, userAgent: `ambit-sweep/${RELEASE}` });
  const problems: string[] = [];
  const report = (problem: string): void => {
    problems.push(problem);
    process.stderr.write(`sweep: ${problem}\n`);
  };
  try {
    // One that still runs would make again what is deleted.
    const left = await controllersEnded({ client, namespace, clock: systemClock, timeout });
    if (left.length > 0)
      say(`these pods of the controller do not end; they may make again what is deleted: ${left.join(', ')}`);
    const deleted = await deleteMadeObjects(client, namespace, report);
    for (const [kind, count] of deleted) say(`deleted: ${count} ${kind}`);
    for (const line of await keptObjects(client, namespace, report)) say(`kept: ${line}`);
  } finally {
    client.destroy();
  }
  return problems.length === 0;
}

try {
  if (!(await sweep())) process.exitCode = 1;
} catch (error) {
  const code = error instanceof AmbitError ? error.code : 'AMBIT_INTERNAL';
  process.stderr.write(`sweep: ${code}: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
