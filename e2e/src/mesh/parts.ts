import type { Cluster } from '../cluster/cluster.ts';
import type { Bench } from './bench.ts';
import { MESH_NAMESPACE } from './chart.ts';

/** Sets the number of the controller's replicas and waits until they serve or, with 0, are gone. */
export async function controllers({ cluster }: Bench, replicas: number): Promise<void> {
  const deployment = ['-n', MESH_NAMESPACE, 'deployment/istiod'];
  await cluster.kubectl(['scale', ...deployment, `--replicas=${replicas}`]);
  if (replicas > 0) await cluster.kubectl(['rollout', 'status', ...deployment, '--timeout=60s']);
  else
    await cluster.kubectl(['-n', MESH_NAMESPACE, 'wait', '--for=delete', 'pod', '-l', 'app=istiod', '--timeout=60s']);
}

/** A node proxy. */
export interface ZtunnelPod {
  readonly name: string;
  readonly ip: string;
  readonly ready: boolean;
}

/** The newest one of a node. Throws when there is none. */
export async function ztunnelPod(bench: Bench, node: string): Promise<ZtunnelPod> {
  const path =
    '{range .items[*]}{.metadata.creationTimestamp} {.metadata.name} {.status.podIP} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}';
  const words = ['pods', '-n', MESH_NAMESPACE, '-l', 'app=ztunnel', '--field-selector', `spec.nodeName=${node}`];
  const newest = (await bench.read(words, path)).trim().split('\n').sort().at(-1) ?? '';
  const [, name = '', ip = '', ready] = newest.split(' ');
  if (name === '') throw new Error(`no ztunnel runs on node ${node}`);
  return { name, ip, ready: ready === 'True' };
}

/** When the certificate of an identity (`ns/…/sa/…`) ends, in seconds since the epoch, as a node proxy has it. */
export async function certificateExpiry(cluster: Cluster, { ip }: ZtunnelPod, identity: string): Promise<number> {
  const get = `fetch('http://${ip}:15020/metrics').then((answer) => answer.text()).then(console.log)`;
  const { stdout } = await cluster.inCluster([process.execPath, '-e', get]);
  const line = stdout.split('\n').find((one) => one.includes('certificate_expiry') && one.includes(`${identity}"`));
  if (line === undefined) throw new Error(`the node proxy has no certificate of ${identity}`);
  return Number(line.split(' ').at(-1));
}
