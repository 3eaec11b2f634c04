import { fileURLToPath } from 'node:url';
import type { Cluster } from '../cluster/cluster.ts';

/** Where the mesh lives. */
export const MESH_NAMESPACE: string = 'istio-system';
/** Name of the Helm release. */
const RELEASE = 'ambit';
const CHART = fileURLToPath(new URL('../../../charts/ambit', import.meta.url));

/** Installs the mesh, or brings it to this version; resolves with the milliseconds until all of it was ready. */
export async function installMesh(cluster: Cluster, ...words: readonly string[]): Promise<number> {
  const began = performance.now();
  const place = ['-n', MESH_NAMESPACE, '--create-namespace'];
  await cluster.helm(['upgrade', '--install', RELEASE, CHART, ...place, '--wait', '--timeout', '110s', ...words]);
  return performance.now() - began;
}

/** What helm says when it takes the mesh away. */
export async function uninstallMesh(cluster: Cluster): Promise<string> {
  return await cluster.helm(['uninstall', RELEASE, '-n', MESH_NAMESPACE, '--wait', '--timeout', '110s']);
}

/** Whether the release is there. */
export async function isMeshInstalled(cluster: Cluster): Promise<boolean> {
  const releases = JSON.parse(await cluster.helm(['list', '-n', MESH_NAMESPACE, '-o', 'json'])) as { name: string }[];
  return releases.some(({ name }) => name === RELEASE);
}
