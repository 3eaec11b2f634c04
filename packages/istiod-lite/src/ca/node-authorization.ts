import { AmbitError } from '@ambit/core/errors';
import { formatSpiffeId, sameSpiffeId, type SpiffeId } from '@ambit/core/spiffe';
import { isTerminal } from '@ambit/translation/enrolment';
import type { Pod } from '@ambit/translation/objects';
import { serviceAccountOf } from '@ambit/translation/translate/workload';
import type { Caller } from './caller.ts';

/** The pods that are known now. */
export interface PodDirectory {
  /** `namespace/name`. */
  pod(name: string): Pod | undefined;
  /** Every pod on a node. */
  podsOnNode(node: string): readonly Pod[];
}

export interface NodeAuthorizationSettings {
  readonly trustDomain: string;
  /** `namespace/serviceAccount` of the proxies that may act for the pods of their node. */
  readonly trustedNodeAccounts: ReadonlySet<string>;
}

export type Authorization =
  | { readonly allowed: true; readonly identity: SpiffeId }
  /** `mayChange`: the refusal is about a pod that may become known any moment. */
  | { readonly allowed: false; readonly reason: string; readonly mayChange: boolean };

/** Whether a caller is one of the accounts that may act for the pods of their node. */
export function isTrustedNodeAccount(caller: Caller, settings: NodeAuthorizationSettings): boolean {
  return settings.trustedNodeAccounts.has(`${caller.namespace}/${caller.serviceAccount}`);
}

/** Whether the caller's pod is known, alive, and is what its token says it is. */
export function checkCaller(caller: Caller, pods: PodDirectory): Exclude<Authorization, { allowed: true }> | undefined {
  const name = `${caller.namespace}/${caller.podName}`;
  const pod = pods.pod(name);
  if (pod === undefined) return no(`the caller's pod ${name} is not known`, true);
  if (pod.metadata.uid !== caller.podUid) return no(`the caller's pod ${name} has another uid`, true);
  if (isTerminal(pod)) return no(`the caller's pod ${name} has ended`, false);
  if (serviceAccountOf(pod) !== caller.serviceAccount)
    return no(`the caller's pod ${name} runs as another account`, false);
  if (pod.spec.nodeName !== caller.nodeName) return no(`the caller's pod ${name} runs on another node`, true);
  return undefined;
}

/**
 * Decides which identity a caller gets: its own, or that of a pod on its node when it is a trusted node account.
 * `impersonated` is what the request names, undefined when it names nothing.
 */
export function authorizeIdentity(
  caller: Caller,
  impersonated: SpiffeId | undefined,
  pods: PodDirectory,
  settings: NodeAuthorizationSettings,
): Authorization {
  const refusal = checkCaller(caller, pods);
  if (refusal !== undefined) return refusal;
  const { namespace, serviceAccount, nodeName } = caller;
  const own: SpiffeId = { trustDomain: settings.trustDomain, namespace, serviceAccount };
  if (impersonated === undefined || sameSpiffeId(impersonated, own)) return { allowed: true, identity: own };
  if (!isTrustedNodeAccount(caller, settings)) {
    return no(`${namespace}/${serviceAccount} is no trusted node account and may not ask for other identities`, false);
  }
  if (impersonated.trustDomain !== settings.trustDomain) {
    return no(`${formatSpiffeId(impersonated)} is of another trust domain`, false);
  }
  const isThere = pods
    .podsOnNode(nodeName)
    .some(
      (pod) =>
        pod.metadata.namespace === impersonated.namespace &&
        serviceAccountOf(pod) === impersonated.serviceAccount &&
        !isTerminal(pod),
    );
  return isThere
    ? { allowed: true, identity: impersonated }
    : no(
        `no pod of ${impersonated.namespace}/${impersonated.serviceAccount} runs on the caller's node ${nodeName}`,
        true,
      );
}

/** The identity that a request names, from its metadata. Throws `AMBIT_CSR_REFUSED` when it is malformed. */
export function impersonatedIdentity(
  metadata: Readonly<Record<string, unknown>> | undefined,
  parse: (uri: string) => SpiffeId | undefined,
): SpiffeId | undefined {
  const value =
    metadata !== undefined && Object.hasOwn(metadata, 'ImpersonatedIdentity')
      ? metadata['ImpersonatedIdentity']
      : undefined;
  if (value === undefined) return undefined;
  const identity = typeof value === 'string' ? parse(value) : undefined;
  if (identity === undefined) {
    throw new AmbitError('AMBIT_CSR_REFUSED', 'ImpersonatedIdentity is no SPIFFE id of a workload', { source: 'peer' });
  }
  return identity;
}

function no(reason: string, mayChange: boolean): Exclude<Authorization, { allowed: true }> {
  return { allowed: false, reason, mayChange };
}
