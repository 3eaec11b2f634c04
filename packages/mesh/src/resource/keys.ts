import type { Policy, PolicyScope } from '../policy/policy.ts';
import type { Service, ServiceAddress } from '../service.ts';

// What a thread must know of a service or policy to index it, so that the rest can stay undecoded until it is needed.

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

export function serviceKeys(service: Service): ServiceKeys {
  const { key, namespace, hostname, canonical, namespaceOnly, addresses } = service;
  return { key, namespace, hostname, canonical, namespaceOnly, addresses };
}

export function policyKeys(policy: Policy): PolicyKeys {
  const { key, namespace, scope } = policy;
  return { key, namespace, scope };
}
