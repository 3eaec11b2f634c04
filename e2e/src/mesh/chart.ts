import { fileURLToPath } from 'node:url';
import type { Cluster } from '../cluster/cluster.ts';

/** Where the mesh lives. */
export const MESH_NAMESPACE: string = 'istio-system';
/** Name of the Helm release. */
const RELEASE = 'ambit';
const CHART = fileURLToPath(new URL('../../../charts/ambit', import.meta.url));

/** Installs the mesh where it is not there yet. */
export async function needMesh(cluster: Cluster): Promise<void> {
  if (!(await isMeshInstalled(cluster))) await installMesh(cluster);
}

/** Installs the mesh, or brings it to this version and to the values in `words` alone; resolves with the milliseconds until all of it was ready. */
export async function installMesh(cluster: Cluster, ...words: readonly string[]): Promise<number> {
  const began = performance.now();
  const place = ['-n', MESH_NAMESPACE, '--create-namespace'];
  const command = ['upgrade', '--install', '--reset-values', RELEASE, CHART, ...place];
  await cluster.helm([...command, '--wait', '--timeout', '110s', ...words]);
  return performance.now() - began;
}

/** What helm, and what runs for it, say when it takes the mesh away. Only of a cluster that was made here. */
export async function uninstallMesh(cluster: Cluster): Promise<string> {
  const command = ['helm', 'uninstall', RELEASE, '-n', MESH_NAMESPACE, '--wait', '--timeout', '110s'];
  const { code, stdout, stderr } = await cluster.inCluster(command);
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code ?? 'a signal'}: ${stderr}`);
  return `${stdout}${stderr}`;
}

/** Takes the mesh away, of any cluster. */
export async function removeMesh(cluster: Cluster): Promise<void> {
  await cluster.helm(['uninstall', RELEASE, '-n', MESH_NAMESPACE, '--wait', '--timeout', '110s']);
}

/** Whether the release is there. */
export async function isMeshInstalled(cluster: Cluster): Promise<boolean> {
  const releases = JSON.parse(await cluster.helm(['list', '-n', MESH_NAMESPACE, '-o', 'json'])) as { name: string }[];
  return releases.some(({ name }) => name === RELEASE);
}
