import type { IpAddress } from '@ambit/core/address';
import type { Policy, PolicyScope } from '../policy/policy.ts';
import type { Service, ServiceAddress } from '../service.ts';
import type { Workload } from '../workload.ts';

// What a thread must know of a resource to index it, so that the rest can stay undecoded until somebody needs it.

export interface WorkloadKeys {
  readonly uid: string;
  readonly network: string;
  /** Empty for host-network workloads: their address is the node's. */
  readonly addresses: readonly IpAddress[];
  /** `namespace/name/service account`, as the node agent names a pod. */
  readonly own: string;
  readonly namespace: string;
  readonly hostname: string;
  /** `namespace/hostname` of the services it is an endpoint of. */
  readonly services: readonly string[];
}

export interface ServiceKeys {
  readonly key: string;
  readonly namespace: string;
  readonly hostname: string;
  readonly canonical: boolean;
  readonly namespaceOnly: boolean;
  readonly addresses: readonly ServiceAddress[];
}

export interface PolicyKeys {
  readonly key: string;
  readonly namespace: string;
  readonly scope: PolicyScope;
}

/** `namespace/name/service account` of a pod. */
export function ownKey(namespace: string, name: string, serviceAccount: string): string {
  return `${namespace}/${name}/${serviceAccount}`;
}

export function workloadKeys(workload: Workload): WorkloadKeys {
  const { uid, network, namespace, name, hostname, identity } = workload;
  return {
    uid,
    network,
    addresses: workload.hostNetwork ? [] : workload.addresses,
    own: ownKey(namespace, name, identity.serviceAccount),
    namespace,
    hostname,
    services: [...workload.services.keys()],
  };
}

export function serviceKeys(service: Service): ServiceKeys {
  const { key, namespace, hostname, canonical, namespaceOnly, addresses } = service;
  return { key, namespace, hostname, canonical, namespaceOnly, addresses };
}

export function policyKeys(policy: Policy): PolicyKeys {
  const { key, namespace, scope } = policy;
  return { key, namespace, scope };
}
