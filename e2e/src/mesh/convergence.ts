import { AmbitError, messageOf } from '@ambit/core/errors';
import { SERVER_PORTS } from '@ambit/local/check/clients/options';
import { expect } from 'vitest';
import { eventually } from '../test-cluster.ts';
import type { Bench } from './bench.ts';
import { workloadObjects } from './check-pods.ts';
import { MESH_NAMESPACE } from './chart.ts';
import { checkCommand } from './check-programs.ts';
import { logLines } from './proxy-log.ts';

/** How long a step may take when Kubernetes' own controllers have to find their feet, too, milliseconds. */
const PATIENCE_MS = 60_000;

/** How much of what the node proxies say goes into a failure: lines, and characters of each. */
const SAID = { lines: 4, characters: 500 };

/**
 * Waits until all is as if nothing had been: in a namespace of the mesh a new pod is taken in and reached by `client`, and a
 * policy that is made now judges. The namespace needs the programs of the checks. Throws what is not so.
 */
export async function converged(bench: Bench, namespace: string, client: string): Promise<void> {
  const name = 'newcomer';
  const host = `${name}.${namespace}`;
  const server = { namespace, name, command: checkCommand('server'), readyPort: SERVER_PORTS.echo };
  const policy = {
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name: 'closed', namespace },
    spec: { action: 'DENY', selector: { matchLabels: { app: name } }, rules: [{}] },
  };
  const since = new Date();
  await bench.apply(workloadObjects(server, SERVER_PORTS));
  await bench.rolledOut(namespace, name);
  await eventually(async () => {
    const path = '{.items[*].metadata.annotations.ambient\\.istio\\.io/redirection}';
    expect(await bench.read(['pods', '-n', namespace, '-l', `app=${name}`], path)).toBe('enabled');
  }, PATIENCE_MS);
  try {
    await eventually(() => bench.reachable(namespace, client, host), PATIENCE_MS);
  } catch (error) {
    throw new AmbitError('AMBIT_CHECK_UNREACHABLE', `${messageOf(error)}; ${await complaints(bench, since)}`);
  }
  await bench.apply([policy]);
  await eventually(async () => {
    const options = { host, port: SERVER_PORTS.greeting, endAfterAnswer: true, timeout: 2_000 };
    expect((await bench.dial(namespace, client, options)).receivedBytes).toBe(0);
  });
  await bench.remove('-n', namespace, 'authorizationpolicy', 'closed');
  await bench.remove('-n', namespace, 'deployment,service,serviceaccount', name);
}

/** What the node proxies have warned of since, the newest first. */
async function complaints(bench: Bench, since: Date): Promise<string> {
  const lines = await logLines(bench, MESH_NAMESPACE, 'app=ztunnel', since);
  const wrong = lines.filter((line) => /"level":"(?:warn|error)"|AMBIT_/.test(line));
  const last = wrong.slice(-SAID.lines).map((line) => line.slice(0, SAID.characters));
  return `of ${lines.length} lines of the node proxies ${wrong.length} complain: ${last.reverse().join(' ')}`;
}
