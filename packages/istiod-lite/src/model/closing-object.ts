import type { Model } from '@ambit/translation/model';
import type {
  AuthorizationPolicy,
  ManifestObject,
  ObjectKind,
  RequestAuthentication,
} from '@ambit/translation/objects';
import { asksForTls } from '../watch/asks-for-tls.ts';

/**
 * Whether something that this object closes could stand open while its newest state is left out: a policy, TLS around what
 * leaves for an endpoint, a ServiceEntry that a policy of `wanted` judges.
 */
export function closesSomething(object: ManifestObject, wanted: Model): boolean {
  if (POLICIES.has(object.kind)) return true;
  if (object.kind === 'DestinationRule') return asksForTls(object.spec);
  if (object.kind !== 'ServiceEntry') return false;
  const { metadata } = object;
  const policies = [...wanted.authorizationPolicies.values(), ...wanted.requestAuthentications.values()];
  return policies.some((policy) => judges(policy, metadata));
}

const POLICIES: ReadonlySet<ObjectKind> = new Set([
  'AuthorizationPolicy',
  'BackendTLSPolicy',
  'PeerAuthentication',
  'RequestAuthentication',
]);

function judges(
  { metadata, spec }: AuthorizationPolicy | RequestAuthentication,
  entry: { readonly name: string; readonly namespace: string },
): boolean {
  if (metadata.namespace !== entry.namespace) return false;
  const targets = [...(spec.targetRef === undefined ? [] : [spec.targetRef]), ...(spec.targetRefs ?? [])];
  return targets.some(({ kind, name }) => kind === 'ServiceEntry' && name === entry.name);
}
