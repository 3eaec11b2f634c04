import { fileURLToPath } from 'node:url';
import type { Bench } from './bench.ts';

/** Namespace of the sample shop, and of the client that is not in the mesh. */
export const SHOP: string = 'shop';
export const OUTSIDE: string = 'outside';

const MANIFESTS = fileURLToPath(new URL('../../../examples/shop/manifests', import.meta.url));

/** What the shopper has counted since it started. */
export interface Visits {
  readonly visits: number;
  readonly failed: number;
  readonly leftOut: number;
}

/** Applies the shop as its README says, and waits until every pod of it is ready. */
export async function openShop(bench: Bench): Promise<void> {
  await bench.cluster.kubectl(['apply', '-f', `${MANIFESTS}/namespaces.yaml`, '-f', MANIFESTS]);
  for (const namespace of [SHOP, OUTSIDE]) {
    const names = await bench.read(['deployments', '-n', namespace], '{.items[*].metadata.name}');
    await bench.rolledOut(namespace, ...names.split(' '));
  }
  await bench.cluster.kubectl(['-n', SHOP, 'wait', '--for=condition=Programmed', 'gateway/waypoint', '--timeout=90s']);
  await bench.rolledOut(SHOP, 'waypoint');
}

export async function closeShop(bench: Bench): Promise<void> {
  await bench.remove('namespace', SHOP, OUTSIDE);
}

/** Lines that a Deployment of the shop has written. */
export async function saidBy(bench: Bench, namespace: string, name: string): Promise<readonly ShopLine[]> {
  const text = await bench.cluster.kubectl(['logs', '-n', namespace, `deployment/${name}`, '--tail=-1']);
  const lines = text.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line) => JSON.parse(line) as ShopLine);
}

export interface ShopLine extends Partial<Visits> {
  readonly message: string;
  readonly reason?: string;
}

/** The shopper's latest count. Throws before it has said any. */
export async function visits(bench: Bench): Promise<Visits> {
  const last = (await saidBy(bench, SHOP, 'shopper')).findLast(({ message }) => message === 'so far');
  if (last === undefined) throw new Error('the shopper has not counted yet');
  return { visits: last.visits ?? 0, failed: last.failed ?? 0, leftOut: last.leftOut ?? 0 };
}

/** GET from a container of the shop; the answer's status and body, or why there is none. */
export async function get(bench: Bench, namespace: string, name: string, url: string): Promise<string> {
  const script = `fetch(${JSON.stringify(url)}, { signal: AbortSignal.timeout(5000) }).then(
    async (answer) => console.log(answer.status + ' ' + await answer.text()),
    (error) => console.log(error.cause?.code ?? error.message))`;
  const command = ['exec', '-n', namespace, `deployment/${name}`, '--', 'node', '-e', script];
  return (await bench.cluster.kubectl(command)).trim();
}
