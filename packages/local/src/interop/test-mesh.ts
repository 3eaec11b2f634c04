import { INBOUND_HBONE_PORT } from '@ambit/capture/host-contract';
import type { IpAddress } from '@ambit/core/address';
import { inNamespace } from '@ambit/native/namespace';
import { CLUSTER_DNS_IP, type NodeName } from '../bed/address-plan.ts';
import type { Bed } from '../bed/bed.ts';
import type { BedOptions } from '../bed/bed-options.ts';
import { ip } from '../bed/fabric.ts';
import { tcpSockets } from '@ambit/enrolment/open-connections';
import type { BedPod } from '../bed/pod.ts';
import { eventually, openBed } from '../bed/test-bed.ts';
import { SERVER_PORTS, type ServerPort } from '../check/clients/options.ts';
import { nodeArguments } from '../check/manifests.ts';
import { parseExposition, type Sample, sumOf } from '../start/exposition.ts';
import { Conversation, type Outcome } from './test-conversation.ts';

/** As in net/tcp_states.h. */
const ESTABLISHED = 1;

/** Both ways across the link: node a runs our proxy, node b the stock one. */
export const DIRECTIONS: readonly { readonly from: NodeName; readonly to: NodeName; readonly way: string }[] = [
  { from: 'a', to: 'b', way: 'from ours to the stock one' },
  { from: 'b', to: 'a', way: 'from the stock one to ours' },
];

export function spiffe(namespace: string, serviceAccount: string): string {
  return `spiffe://cluster.local/ns/${namespace}/sa/${serviceAccount}`;
}

const NAMESPACES: Readonly<Record<'shop' | 'guests' | 'outside', boolean>> = {
  shop: true,
  guests: true,
  outside: false,
};

const service = (name: string, label: string): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec:
  selector: { ${label} }
  ports:
${Object.entries(SERVER_PORTS)
  .map(([port, number]) => `    - { name: tcp-${port.toLowerCase()}, port: ${number} }`)
  .join('\n')}
`;

const MESH = [
  ...Object.entries(NAMESPACES).map(
    ([name, meshed]) => `
apiVersion: v1
kind: Namespace
metadata: { name: ${name}, labels: { ${meshed ? 'istio.io/dataplane-mode: ambient' : ''} } }
`,
  ),
  service('server-a', 'app: server-a'),
  service('server-b', 'app: server-b'),
  service('anywhere', 'role: server'),
].join('---');

/** On each node a server and a friend of it in one namespace, a guest in another, and an outsider that is in no mesh. */
export class Mesh {
  readonly bed: Bed;
  readonly close: () => Promise<void>;

  private constructor(bed: Bed, close: () => Promise<void>) {
    this.bed = bed;
    this.close = close;
  }

  /** `stock`: path of the proxy of node b; undefined: ours there as well. */
  static async open(stock: string | undefined, proxyEnvironment: BedOptions['proxyEnvironment'] = {}): Promise<Mesh> {
    const { bed, close } = await openBed({
      proxies: { a: { kind: 'ambit' }, b: stock === undefined ? { kind: 'ambit' } : { kind: 'binary', path: stock } },
      proxyEnvironment,
    });
    const mesh = new Mesh(bed, close);
    try {
      bed.apply('mesh', MESH);
      await Promise.all([mesh.#populate('a'), mesh.#populate('b')]);
      await bed.settled();
      for (const { from, to } of DIRECTIONS) {
        await eventually(`the friend on ${from} reaches the server on ${to}`, () =>
          mesh.answers('friend', from, mesh.service(`server-${to}`)),
        );
      }
    } catch (error) {
      await close();
      throw error;
    }
    return mesh;
  }

  pod(name: 'server' | 'friend' | 'guest' | 'outsider', node: NodeName): BedPod {
    const namespace = name === 'guest' ? 'guests' : name === 'outsider' ? 'outside' : 'shop';
    return this.bed.pod(`${namespace}/${name}-${node}`);
  }

  /** The address of a Service of the shop. */
  service(name: 'server-a' | 'server-b' | 'anywhere'): IpAddress {
    return this.bed.serviceAddress(`${name}.shop`);
  }

  /** Begins a connection to a port of the check server. */
  talk(name: 'friend' | 'guest' | 'outsider', node: NodeName, address: IpAddress, port: ServerPort): Conversation {
    return new Conversation(this.pod(name, node), address, SERVER_PORTS[port]);
  }

  /** One exchange: the answer, and how the connection ended. */
  async ask(
    name: 'friend' | 'guest' | 'outsider',
    node: NodeName,
    address: IpAddress,
    line: string,
  ): Promise<{ answer: string; outcome: Outcome }> {
    const talk = this.talk(name, node, address, 'echoOnce').send(line);
    const answer = (await talk.finished()).toString();
    return { answer, outcome: talk.outcome };
  }

  /** Whether one exchange succeeds. */
  async answers(name: 'friend' | 'guest' | 'outsider', node: NodeName, address: IpAddress): Promise<boolean> {
    const line = 'is anybody there\n';
    return (await this.ask(name, node, address, line)).answer === line;
  }

  /** How many tunnels from the friend on one node to the server on the other are open, as the friend's side sees it. */
  tunnels(from: NodeName, to: NodeName): number {
    const server = this.pod('server', to).ip;
    return tcpSockets(this.pod('friend', from).networkNamespace).filter(
      ({ remoteIp, remotePort, state }) =>
        remoteIp === server && remotePort === INBOUND_HBONE_PORT && state === ESTABLISHED,
    ).length;
  }

  /** What a node's proxy has written so far. */
  log(node: NodeName): string {
    return this.bed.node(node).proxy.process?.output() ?? '';
  }

  /** The last failures that a node's proxy has logged, for the message of an assertion. */
  failures(node: NodeName): string {
    const lines = this.bed.node(node).proxies.flatMap((proxy) => proxy.process?.output().split('\n') ?? []);
    return lines
      .filter((line) => line.includes('error='))
      .slice(-5)
      .join('\n');
  }

  async metrics(node: NodeName): Promise<Sample[]> {
    return parseExposition(await this.bed.node(node).proxy.metrics());
  }

  /** The sum of a family's samples with these labels, as a node's proxy counts now. */
  async count(node: NodeName, family: string, labels: Readonly<Record<string, string>>): Promise<number> {
    return sumOf(await this.metrics(node), family, labels);
  }

  /** Serial numbers of the certificates that a node's proxy holds now, by identity. */
  async certificates(node: NodeName): Promise<Map<string, string>> {
    const dump = JSON.parse(await this.bed.node(node).proxy.admin('/config_dump')) as {
      certificates: { identity: string; certChain?: { serialNumber: string }[] }[];
    };
    return new Map(
      dump.certificates.map(({ identity, certChain }) => [identity, certChain?.[0]?.serialNumber ?? 'none']),
    );
  }

  /** Takes the address of the cluster's DNS away, or gives it back. */
  setClusterDns(there: boolean): void {
    inNamespace(this.bed.fabric.namespace, () =>
      ip('set the address of cluster DNS', [`addr ${there ? 'add' : 'del'} ${CLUSTER_DNS_IP}/32 dev lo`]),
    );
  }

  async #populate(node: NodeName): Promise<void> {
    const run = this.bed.node(node);
    await run.pod({
      name: `server-${node}`,
      namespace: 'shop',
      labels: { app: `server-${node}`, role: 'server' },
      command: ['node', ...nodeArguments('server')],
      readinessProbe: { tcpSocket: { port: SERVER_PORTS.echo } },
    });
    await run.pod({ name: `friend-${node}`, namespace: 'shop', serviceAccount: 'friend' });
    await run.pod({ name: `guest-${node}`, namespace: 'guests', serviceAccount: 'guest' });
    await run.pod({ name: `outsider-${node}`, namespace: 'outside' });
  }
}
