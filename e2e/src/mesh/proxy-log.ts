import type { Bench } from './bench.ts';

/** Lines that the pods of a label have logged since a moment, in no order. */
export async function logLines(bench: Bench, namespace: string, label: string, since: Date): Promise<string[]> {
  const words = ['logs', '-n', namespace, '-l', label, '--tail=-1', '--max-log-requests=20'];
  const text = await bench.cluster.kubectl([...words, `--since-time=${since.toISOString()}`]);
  return text.split('\n').filter((line) => line !== '');
}

/** Label of the pods of a waypoint. */
export function waypointLabel(gateway: string): string {
  return `gateway.networking.k8s.io/gateway-name=${gateway}`;
}
