import { beforeAll, describe, expect, it } from 'vitest';
import { testCluster } from '../test-cluster.ts';
import { type PodSpec, podSpecs } from './pod-specs.ts';
import { NAMESPACE, rendered } from './rendered.ts';

const AGENT = `DaemonSet ${NAMESPACE}/istio-cni-node`;
const PROXY = `DaemonSet ${NAMESPACE}/ztunnel`;
const CONTROLLER = `Deployment ${NAMESPACE}/istiod`;

/** Pods that meet the level "restricted" of the pod security standards. */
const RESTRICTED = [CONTROLLER, `Job ${NAMESPACE}/istio-cni-unenrol`, `Job ${NAMESPACE}/istiod-sweep`];

/** All other pods: every capability they have, and every folder of their node. */
const OTHERS: Readonly<
  Record<string, { readonly capabilities: readonly string[]; readonly folders: readonly string[] }>
> = {
  [AGENT]: {
    capabilities: ['DAC_OVERRIDE', 'NET_ADMIN', 'NET_RAW', 'SYS_ADMIN', 'SYS_PTRACE'],
    folders: ['/etc/cni/net.d', '/opt/cni/bin', '/proc', '/var/run/istio-cni', '/var/run/netns', '/var/run/ztunnel'],
  },
  [PROXY]: {
    capabilities: ['NET_ADMIN', 'NET_RAW', 'SYS_ADMIN'],
    folders: ['/run/ambit-ztunnel', '/var/run/ztunnel'],
  },
};

describe('pods of the charts', () => {
  let pods: Map<string, PodSpec>;

  beforeAll(async () => {
    pods = podSpecs(await rendered(testCluster(), 'ambit'));
  });

  const pod = (name: string): PodSpec => {
    const spec = pods.get(name);
    if (spec === undefined) throw new Error(`${name} is not rendered`);
    return spec;
  };
  const foldersOf = ({ volumes = [] }: PodSpec): string[] =>
    volumes.flatMap(({ hostPath }) => (hostPath === undefined ? [] : [hostPath.path])).sort();

  it('are these', () => {
    expect([...pods.keys()].sort()).toEqual([...RESTRICTED, ...Object.keys(OTHERS)].sort());
  });

  it('share nothing with their node, and none is privileged', () => {
    for (const [name, { hostNetwork, hostPID, hostIPC, containers, initContainers = [], securityContext }] of pods) {
      expect({ hostNetwork, hostPID, hostIPC }, name).toEqual({});
      expect(securityContext?.seccompProfile, name).toEqual({ type: 'RuntimeDefault' });
      for (const { securityContext: own, resources } of [...containers, ...initContainers]) {
        expect(own?.privileged, name).toBe(false);
        expect(own?.readOnlyRootFilesystem, name).toBe(true);
        expect(own?.capabilities?.drop, name).toEqual(['ALL']);
        expect(Object.keys(resources?.requests ?? {}).sort(), name).toEqual(['cpu', 'memory']);
      }
    }
  });

  it.each(RESTRICTED)('%s is restricted', (name) => {
    const { securityContext, containers } = pod(name);
    expect(securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1337 });
    expect(foldersOf(pod(name))).toEqual([]);
    for (const { securityContext: own } of containers) {
      expect(own?.allowPrivilegeEscalation).toBe(false);
      expect(own?.capabilities?.add).toBeUndefined();
    }
  });

  it.each(Object.keys(OTHERS))('%s has what it needs and no more', (name) => {
    const { containers } = pod(name);
    expect(containers).toHaveLength(1);
    expect(containers[0]?.securityContext?.capabilities?.add?.toSorted()).toEqual(OTHERS[name]?.capabilities);
    expect(foldersOf(pod(name))).toEqual(OTHERS[name]?.folders);
    expect(containers[0]?.securityContext?.runAsUser).toBe(0);
  });

  it('of a node are critical for it, and those of the controller for the cluster', () => {
    for (const name of [AGENT, PROXY]) expect(pod(name).priorityClassName).toBe('system-node-critical');
    expect(pod(CONTROLLER).priorityClassName).toBe('system-cluster-critical');
  });
});
