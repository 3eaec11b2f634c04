import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { DNS_SERVICE_ADDRESS, MAX_NODES, type NodePlan, nodePlans } from './address-plan.ts';
import { makeCertificates } from './certificates.ts';
import type { ClusterOptions } from './cluster.ts';
import { mustRun } from './command.ts';
import { controlNetwork, controllersAndScheduler, storeAndApiServer } from './control-plane.ts';
import { entering, makeClusterNamespaces } from './namespaces.ts';
import { OwnCluster } from './own-cluster.ts';
import type { BuiltParts } from './parts/built-parts.ts';
import { PARTS } from './parts/parts.ts';
import { provide, sourceFile } from './parts/store.ts';
import { type Place, placeOf, requirePlace } from './place.ts';
import { identityOf, isAlive } from './process-identity.ts';
import { claimState, markReady, readRecord } from './record.ts';
import { hasRemains, removeCluster } from './removal.ts';
import { requireMachine } from './requirements.ts';
import { untilDnsAnswers, untilReady, whilePrograms } from './readiness.ts';

/**
 * Brings up a cluster of `nodes` nodes (default 2) under the name in `AMBIT_CLUSTER`, building first what is missing. When
 * it runs already it is returned as it is; what an earlier one left by a crash is removed. Resolves when nodes are Ready
 * and DNS answers. Throws `AMBIT_CLUSTER_MACHINE`, `AMBIT_CLUSTER_TOOLS`, `AMBIT_CLUSTER_PART`, `AMBIT_CLUSTER_BUSY` or
 * `AMBIT_CLUSTER_NOT_READY`; then nothing of it runs.
 */
export async function bringUp(options: ClusterOptions, nodes = 2): Promise<OwnCluster> {
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > MAX_NODES) {
    throw new AmbitError('AMBIT_CLUSTER_ARGUMENTS', `${nodes} nodes: must be 1 to ${MAX_NODES}`);
  }
  const { clock, environment, say, signal } = options;
  const place = placeOf(environment);
  requirePlace(place);
  const running = OwnCluster.find(options);
  if (running !== undefined) {
    say(`The cluster ${place.name} runs already.`);
    return running;
  }
  requireMachine(environment, nodes);
  refuseWhenBusy(place);
  const parts = await provide(PARTS, { folder: place.parts, environment, clock, say, signal });
  // Another process may have been faster while parts were built.
  refuseWhenBusy(place);
  if (hasRemains(place)) {
    say(`Removing what an earlier cluster ${place.name} left ...`);
    await removeCluster(place, clock);
  }
  const starter = identityOf(process.pid);
  if (starter === undefined) throw new AmbitError('AMBIT_CLUSTER_NOT_READY', '/proc does not show this process');
  claimState(place.state, { nodes, parts: parts.folders, starter });
  try {
    const began = clock.now();
    const cluster = await start(place, nodePlans(nodes), parts, options);
    say(`The cluster ${place.name} is ready after ${((clock.now() - began) / 1_000).toFixed(1)} s.`);
    return cluster;
  } catch (error) {
    const logs = signal?.aborted === true ? undefined : keepLogs(place);
    await removeCluster(place, clock);
    if (logs === undefined) throw error;
    const code = error instanceof AmbitError ? error.code : 'AMBIT_CLUSTER_NOT_READY';
    throw new AmbitError(code, `${messageOf(error)}\nThe logs are in ${logs}`, { cause: error });
  }
}

function refuseWhenBusy(place: Place): void {
  const record = readRecord(place.state);
  if (record === undefined || record.starter.pid === process.pid || existsSync(join(place.state, 'ready'))) return;
  if (!isAlive(record.starter)) return;
  throw new AmbitError('AMBIT_CLUSTER_BUSY', `process ${record.starter.pid} is bringing up the cluster ${place.name}`, {
    source: 'configuration',
  });
}

async function start(
  place: Place,
  plans: readonly NodePlan[],
  parts: BuiltParts,
  options: ClusterOptions,
): Promise<OwnCluster> {
  const { clock, signal } = options;
  const commands = { clock, signal, environment: parts.bareEnvironment };
  const cluster = new OwnCluster(place, plans, parts, options);
  await Promise.all([
    makeClusterNamespaces(place, join(place.state, 'log', 'cluster.log'), clock).then(() =>
      mustRun(entering(place, ['sh', '-c', controlNetwork(plans)]), commands),
    ),
    makeCertificates(join(place.state, 'pki'), plans, commands),
  ]);
  for (const { name } of storeAndApiServer(place.state)) await cluster.startProgram(name);
  const work = [runControlPlane(place, plans, cluster), ...cluster.nodes.map((node) => node.start())];
  await whilePrograms(cluster, clock, Promise.all(work));
  await untilDnsAnswers(cluster);
  markReady(place.state);
  return cluster;
}

/** From the API server's first answer until nodes and DNS are Ready. */
async function runControlPlane(place: Place, plans: readonly NodePlan[], cluster: OwnCluster): Promise<void> {
  await untilReady(cluster);
  for (const { name } of controllersAndScheduler(place.state)) await cluster.startProgram(name);
  await cluster.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], { input: nodeObjects(plans) });
  const addon = readFileSync(sourceFile('coredns', 'addon.yaml'), 'utf8').replaceAll(
    'DNS_SERVICE',
    DNS_SERVICE_ADDRESS,
  );
  await cluster.kubectl(['apply', '-f', '-'], { input: addon });
  await cluster.kubectl(['wait', '--for=condition=Ready', 'node', '--all', '--timeout=100s']);
  await cluster.kubectl(['-n', 'kube-system', 'rollout', 'status', 'deployment/coredns', '--timeout=100s']);
}

/** What kubelet may not say of itself: the addresses of its pods, and a zone. */
function nodeObjects(plans: readonly NodePlan[]): string {
  const items = plans.map(({ name, podCidr }) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'topology.kubernetes.io/zone': `zone-${name}` } },
    spec: { podCIDR: podCidr, podCIDRs: [podCidr] },
  }));
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
}

/** Moves the logs of a start that failed to where they outlive it. */
function keepLogs(place: Place): string {
  const kept = join(place.root, 'failed', place.name);
  rmSync(kept, { recursive: true, force: true });
  mkdirSync(dirname(kept), { recursive: true });
  renameSync(join(place.state, 'log'), kept);
  return kept;
}
