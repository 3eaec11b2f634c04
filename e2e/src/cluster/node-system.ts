import { basename, join } from 'node:path';
import { CONTROL_ADDRESS, NODE_PREFIX_LENGTH, type NodePlan } from './address-plan.ts';
import type { Hierarchy } from './cgroups.ts';

/** kubelet sets these for the whole machine: it gets copies to write to. */
const MACHINE_SETTINGS = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
];

/** What the machine may have there and a fresh node does not. */
const NOT_OF_THE_MACHINE = ['/etc/cni', '/opt/cni', '/var/lib/cni', '/var/log/pods', '/var/log/containers'];

/** In a node's folder: what is installed once is installed. */
export const INSTALLED = 'installed';

/** Puts one end of a cable into the cluster's bridge and the other into the node; `pid` is the node's process 1. */
export function nodeCable({ name }: NodePlan, pid: number): string {
  return [
    // A node that was killed a moment ago may not have lost its end yet.
    `ip link del node-${name} 2>/dev/null`,
    `ip link add node-${name} type veth peer name eth0 netns ${pid} && ip link set node-${name} master br0 up`,
  ].join('\n');
}

/** Addresses and routes, from inside the node. */
export function nodeNetwork(plan: NodePlan, nodes: readonly NodePlan[]): string {
  return [
    'set -e',
    'ip link set lo up',
    `ip addr add ${plan.address}/${NODE_PREFIX_LENGTH} dev eth0`,
    'ip link set eth0 up',
    `ip route add default via ${CONTROL_ADDRESS}`,
    ...nodes
      .filter(({ name }) => name !== plan.name)
      .map(({ address, podCidr }) => `ip route add ${podCidr} via ${address}`),
  ].join('\n');
}

/**
 * The file system of a node, from inside: /proc, /sys and the control groups as seen from there; /etc, /opt and /var
 * written to copies, which outlive a restart as a disk does; an empty /run. `own` is its folder, which holds `cni.conflist`;
 * `plugins` is the folder of the CNI plugins.
 */
export function nodeFiles(plan: NodePlan, own: string, plugins: string, groups: readonly Hierarchy[]): string {
  const overlay = (folder: string): string[] => [
    `mkdir -p ${own}/upper/${folder} ${own}/workdir/${folder}`,
    `mount -t overlay overlay -o lowerdir=/${folder},upperdir=${own}/upper/${folder},workdir=${own}/workdir/${folder} /${folder}`,
  ];
  // containerd's own overlays cannot lie on an overlay.
  const plain = (folder: string): string[] => [
    `mkdir -p /var/lib/${folder} ${own}/${folder}`,
    `mount --bind ${own}/${folder} /var/lib/${folder}`,
  ];
  const copied = (setting: string): string[] => {
    const copy = join(own, 'sysctl', setting.replaceAll('/', '.'));
    return [`cp /proc/sys/${setting} ${copy}`, `mount --bind ${copy} /proc/sys/${setting}`];
  };
  return [
    'set -e',
    `hostname ${plan.name}`,
    'mount -t proc proc /proc',
    'mount -t sysfs sysfs /sys',
    ...groups.flatMap(showGroups),
    ...['etc', 'opt', 'var'].flatMap(overlay),
    installed(own, plugins),
    ...['containerd', 'kubelet'].flatMap(plain),
    'mount -t tmpfs -o mode=755 tmpfs /run',
    `mkdir -p ${own}/sysctl`,
    ...MACHINE_SETTINGS.flatMap(copied),
    // Volumes with mountPropagation need it.
    'mount --make-rshared /',
    'echo 1 >/proc/sys/net/ipv4/ip_forward',
    'rm -f /etc/hosts /etc/resolv.conf',
    `printf '127.0.0.1 localhost\\n%s %s\\n' ${plan.address} ${plan.name} >/etc/hosts`,
    ': >/etc/resolv.conf',
  ].join('\n');
}

/** What is installed on a node once: a restart keeps it, and what others have made of it. */
function installed(own: string, plugins: string): string {
  return [
    `if [ ! -e ${own}/${INSTALLED} ]; then`,
    `rm -rf ${NOT_OF_THE_MACHINE.join(' ')}`,
    'mkdir -p /etc/cni/net.d /opt/cni/bin',
    `cp ${plugins}/* /opt/cni/bin/`,
    `cp ${own}/cni.conflist /etc/cni/net.d/10-pods.conflist`,
    `: >${own}/${INSTALLED}`,
    'fi',
  ].join('\n');
}

function showGroups({ controllers, folder }: Hierarchy, index: number): string[] {
  if (controllers === undefined) return ['mount -t cgroup2 cgroup2 /sys/fs/cgroup'];
  const at = join('/sys/fs/cgroup', basename(folder));
  return [
    ...(index === 0 ? ['mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup'] : []),
    `mkdir ${at}`,
    `mount -t cgroup -o ${controllers} cgroup ${at}`,
  ];
}
