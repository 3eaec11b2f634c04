import { goPart } from './go-part.ts';
import type { Part } from './part.ts';

const CONTAINERD = 'github.com/containerd/containerd/v2/cmd';
const PLUGINS = 'github.com/containernetworking/plugins/plugins';

/** Without snapshotters that need C libraries, and without exporters of traces. */
export const containerd: Part = goPart('containerd', 'runtime', [
  {
    packages: ['containerd', 'containerd-shim-runc-v2', 'ctr'].map((name) => `${CONTAINERD}/${name}`),
    to: './',
    tags: ['no_btrfs', 'no_devmapper', 'no_zfs', 'no_tracing'],
  },
]);

/** Routed pods (`ptp`) with host ports; a bridge would need the kernel module br_netfilter for Services on one node. */
export const cniPlugins: Part = goPart('cni-plugins', 'runtime', [
  {
    packages: ['ipam/host-local', 'main/loopback', 'main/ptp', 'meta/portmap'].map((name) => `${PLUGINS}/${name}`),
    to: './',
  },
]);
