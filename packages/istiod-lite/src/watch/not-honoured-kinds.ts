import { AmbitError } from '@ambit/core/errors';
import type { Resource } from '@ambit/kube/resource';
import { handlingOf } from '@ambit/translation/kinds';

/** A kind on which a cluster with Istio would act, and nobody here does. */
export interface NotHonouredKind {
  /** `plural.group`: two groups have a kind `Gateway`. */
  readonly key: string;
  /** For people. */
  readonly kind: string;
  /** The newest version first; older ones are for clusters that do not serve it. */
  readonly resources: readonly Resource[];
  /** Why, in words. */
  readonly reason: string;
  /** The field of `spec` that says whom an object is for; undefined: it is for the mesh. */
  readonly scopedBy: 'parentRef' | 'parentRefs' | undefined;
  /** Where the status takes a condition, and how. */
  readonly shape: 'atomic conditions' | 'conditions' | 'parents';
}

const ISTIO = { scopedBy: undefined, shape: 'atomic conditions' } as const;
const ROUTE = { scopedBy: 'parentRefs', shape: 'parents' } as const;
const GATEWAY = 'gateway.networking.k8s.io';

export const NOT_HONOURED_KINDS: readonly NotHonouredKind[] = [
  row('networking.istio.io', 'v1 v1beta1', 'workloadgroups', 'WorkloadGroup', ISTIO),
  row('networking.istio.io', 'v1 v1beta1', 'sidecars', 'Sidecar', ISTIO),
  row('networking.istio.io', 'v1 v1beta1', 'gateways', 'Gateway', ISTIO),
  row('networking.istio.io', 'v1alpha3', 'envoyfilters', 'EnvoyFilter', ISTIO),
  row('networking.istio.io', 'v1beta1', 'proxyconfigs', 'ProxyConfig', ISTIO),
  row('extensions.istio.io', 'v1alpha1', 'wasmplugins', 'WasmPlugin', ISTIO),
  row('extensions.istio.io', 'v1alpha1', 'trafficextensions', 'TrafficExtension', ISTIO),
  row(GATEWAY, 'v1 v1alpha2', 'udproutes', 'UDPRoute', ROUTE),
  row(GATEWAY, 'v1', 'listenersets', 'ListenerSet', { scopedBy: 'parentRef', shape: 'conditions' }),
];

function row(
  group: string,
  versions: string,
  plural: string,
  kind: string,
  further: Pick<NotHonouredKind, 'scopedBy' | 'shape'>,
): NotHonouredKind {
  const resources = versions.split(' ').map((version) => ({ group, version, plural, kind, namespaced: true }));
  const handling = handlingOf(`${group}/v1`, kind);
  if (handling.handling !== 'ignored') {
    throw new AmbitError('AMBIT_INTERNAL', `${kind} of ${group} is read, so nobody has to say that it is not`);
  }
  return { key: `${plural}.${group}`, kind, resources, reason: handling.reason, ...further };
}
