import type { IpAddress } from '@ambit/core/address';
import { close } from '@ambit/native/descriptor';
import { createNetworkNamespace, inNamespace } from '@ambit/native/namespace';
import { writeSysctl } from '@ambit/native/sysctl';
import { NODE_ADDRESSES, type NodeName, POD_GATEWAY } from './address-plan.ts';
import { ip, pathOf } from './fabric.ts';

/** A pod's network namespace and its link to the node. */
export interface PodLink {
  readonly namespace: number;
  readonly ip: IpAddress;
  /** Takes the link away and closes the namespace. */
  close(): void;
}

/**
 * Makes a network namespace with one interface, joined to the node by a routed link: the pod has a single address and
 * sends everything to its gateway, the node has a route to that address.
 * @param device name of the node's end, at most 15 bytes
 */
export function layPodLink(node: { name: NodeName; namespace: number }, device: string, address: IpAddress): PodLink {
  const namespace = createNetworkNamespace();
  try {
    inNamespace(node.namespace, () =>
      ip(`lay the link of ${address}`, [
        `link add ${device} type veth peer name eth0 netns ${pathOf(namespace)}`,
        `addr add ${POD_GATEWAY}/32 dev ${device}`,
        `link set ${device} up`,
        `route add ${address}/32 dev ${device} src ${NODE_ADDRESSES[node.name].ip}`,
      ]),
    );
    inNamespace(namespace, () => {
      writeSysctl('net.ipv4.conf.all.rp_filter', '0');
      writeSysctl('net.ipv4.conf.default.rp_filter', '0');
      // As container runtimes have it: every pod may listen on port 80.
      writeSysctl('net.ipv4.ip_unprivileged_port_start', '0');
      ip(`set up the interface of ${address}`, [
        'link set lo up',
        `addr add ${address}/32 dev eth0`,
        'link set eth0 up',
        `route add ${POD_GATEWAY}/32 dev eth0 scope link`,
        `route add default via ${POD_GATEWAY} src ${address}`,
      ]);
    });
  } catch (error) {
    close(namespace);
    throw error;
  }
  let open = true;
  return {
    namespace,
    ip: address,
    close: () => {
      if (!open) return;
      open = false;
      inNamespace(node.namespace, () => ip(`remove the link of ${address}`, [`link del ${device}`]));
      close(namespace);
    },
  };
}
