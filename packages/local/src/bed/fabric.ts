import { runTool } from '@ambit/capture/tools';
import { close } from '@ambit/native/descriptor';
import { createNetworkNamespace, inNamespace } from '@ambit/native/namespace';
import { writeSysctl } from '@ambit/native/sysctl';
import { CLUSTER_DNS_IP, FABRIC_IP, NODE_ADDRESSES, NODE_NAMES, type NodeName } from './address-plan.ts';

/** The network of the bed without its pods: a namespace per node, and one for what belongs to no node. */
export interface Fabric {
  /** Where controller and cluster DNS live. */
  readonly namespace: number;
  readonly nodes: Readonly<Record<NodeName, number>>;
  /** Takes the link between the nodes down or up again. */
  setLink(up: boolean): void;
  /** Closes the namespaces; the kernel takes the links away when nobody is in them any more. */
  close(): void;
}

/** The interface of the link between the nodes, on either. */
export const LINK: string = 'eth0';
const CONTROL = 'ctl';

/** Makes the namespaces and links of two nodes. */
export function layFabric(): Fabric {
  const namespace = createNetworkNamespace();
  const nodes = { a: createNetworkNamespace(), b: createNetworkNamespace() };
  inNamespace(namespace, () => {
    prepareRouter();
    ip('lay the links of the fabric', [
      'link set lo up',
      `addr add ${CLUSTER_DNS_IP}/32 dev lo`,
      `link add ${LINK} netns ${pathOf(nodes.a)} type veth peer name ${LINK} netns ${pathOf(nodes.b)}`,
      ...NODE_NAMES.flatMap((name) => linesOfFabric(name, nodes[name])),
    ]);
  });
  for (const name of NODE_NAMES) {
    inNamespace(nodes[name], () => {
      prepareRouter();
      ip(`lay the links of node ${name}`, linesOfNode(name));
    });
  }
  return {
    namespace,
    nodes,
    setLink: (up) => {
      inNamespace(nodes.a, () =>
        ip('set the link', [`link set ${LINK} ${up ? 'up' : 'down'}`, ...(up ? linesToPeer('a') : [])]),
      );
    },
    close: () => {
      for (const fd of [namespace, nodes.a, nodes.b]) close(fd);
    },
  };
}

/** How `ip` finds a namespace that this process has open. */
export function pathOf(namespace: number): string {
  return `/proc/${process.pid}/fd/${namespace}`;
}

/** Runs lines of `ip` in the calling thread's network namespace. */
export function ip(purpose: string, lines: readonly string[]): void {
  runTool('ip', ['-batch', '-'], { input: lines.map((line) => `${line}\n`).join(''), purpose });
}

function linesOfFabric(name: NodeName, node: number): string[] {
  const { control, ip: address, podPrefix } = NODE_ADDRESSES[name];
  const device = `${CONTROL}-${name}`;
  return [
    `link add ${device} type veth peer name ${CONTROL} netns ${pathOf(node)}`,
    `addr add ${FABRIC_IP} peer ${control} dev ${device}`,
    `link set ${device} up`,
    `route add ${podPrefix}.0/24 via ${control}`,
    `route add ${address}/32 via ${control}`,
  ];
}

function linesOfNode(name: NodeName): string[] {
  const { control, ip: address } = NODE_ADDRESSES[name];
  return [
    'link set lo up',
    `addr add ${address}/24 dev ${LINK}`,
    `link set ${LINK} up`,
    `addr add ${control} peer ${FABRIC_IP} dev ${CONTROL}`,
    `link set ${CONTROL} up`,
    `route add default via ${FABRIC_IP} src ${address}`,
    ...linesToPeer(name),
  ];
}

function linesToPeer(name: NodeName): string[] {
  const peer = NODE_ADDRESSES[name === 'a' ? 'b' : 'a'];
  return [`route replace ${peer.podPrefix}.0/24 via ${peer.ip} src ${NODE_ADDRESSES[name].ip}`];
}

/** In the calling thread's namespace. The first two are inherited from the machine, which may be stricter. */
function prepareRouter(): void {
  writeSysctl('net.ipv4.conf.all.rp_filter', '0');
  writeSysctl('net.ipv4.conf.default.rp_filter', '0');
  writeSysctl('net.ipv4.conf.all.send_redirects', '0');
  writeSysctl('net.ipv4.conf.default.send_redirects', '0');
  writeSysctl('net.ipv4.ip_forward', '1');
}
