import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Action, type Authorization, AuthorizationSchema, type MatchSchema, Scope } from '@ambit/proto/authorization';
import { selects } from '../labels.ts';
import { type Metadata, type MutualTlsMode, objectName, type PeerAuthentication } from '../objects.ts';
import { type Condition, conditionOf } from './condition.ts';
import type { TranslationSettings } from './settings.ts';

type MatchInit = MessageInitShape<typeof MatchSchema>;

const WITHOUT_IDENTITY: MatchInit = { notPrincipals: [{ matchType: { case: 'presence', value: {} } }] };

/**
 * Mutual TLS by precedence: the policy that selects a workload, else that of its namespace, else that of the root
 * namespace; the oldest within a level, by name among those of one age. UNSET inherits, DISABLE is PERMISSIVE.
 */
export class MutualTls {
  readonly #settings: TranslationSettings;
  readonly #all: readonly PeerAuthentication[];
  readonly #selectorless = new Map<string, PeerAuthentication>();
  readonly #selecting = new Map<string, PeerAuthentication[]>();
  readonly #outranked = new Map<PeerAuthentication, PeerAuthentication>();

  constructor(policies: Iterable<PeerAuthentication>, settings: TranslationSettings) {
    this.#settings = settings;
    this.#all = [...policies].sort(byAge);
    for (const policy of this.#all) {
      const { namespace } = policy.metadata;
      if (hasSelector(policy)) {
        this.#selecting.set(namespace, [...(this.#selecting.get(namespace) ?? []), policy]);
        continue;
      }
      const older = this.#selectorless.get(namespace);
      if (older === undefined) this.#selectorless.set(namespace, policy);
      else this.#outranked.set(policy, older);
    }
  }

  /** Names of the policies that a workload lists because of PeerAuthentication. */
  policiesOf({ namespace, labels }: Pick<Metadata, 'labels' | 'namespace'>): string[] {
    const [policy, ...younger] = (this.#selecting.get(namespace) ?? []).filter(({ spec }) =>
      selects(spec.selector?.matchLabels ?? {}, labels),
    );
    for (const other of younger) if (policy !== undefined) this.#outranked.set(other, policy);
    if (policy !== undefined && this.#exceptionsOf(policy).length > 0) return [convertedKey(policy)];
    const inForce = this.#inForce(policy, namespace);
    return inForce !== undefined && isStrictMode(modeOf(inForce)) ? [convertedKey(inForce)] : [];
  }

  /**
   * What is sent to node proxies: one policy for each PeerAuthentication that refuses peers without identity, under its own
   * name, so that a refusal says which. (istiod has one for all that are STRICT without exception.)
   */
  authorizations(): Authorization[] {
    return this.#all.flatMap((policy) => {
      const ports = this.#exceptionsOf(policy);
      if (ports.length === 0) return isStrictMode(modeOf(policy)) ? [denial(policy, WITHOUT_IDENTITY)] : [];
      const field = this.#isStrict(policy) ? { notDestinationPorts: ports } : { destinationPorts: ports };
      return [denial(policy, { ...WITHOUT_IDENTITY, ...field })];
    });
  }

  /** Call after `policiesOf` was asked for every pod: only then is it known which policies meet on one. */
  conditions(): Condition[] {
    return this.#all.map((policy) => {
      const winner = this.#outranked.get(policy);
      return winner === undefined
        ? conditionOf(policy, 'ZtunnelAccepted', 'True', 'Accepted', 'enforced by node proxies')
        : conditionOf(
            policy,
            'ZtunnelAccepted',
            'False',
            'Conflicted',
            `the older ${objectName(winner.metadata)} holds where both apply`,
          );
    });
  }

  /** Ports whose mode differs from that of the workload, ascending; only a policy with a selector can have any. */
  #exceptionsOf(policy: PeerAuthentication): number[] {
    if (!hasSelector(policy)) return [];
    const strict = this.#isStrict(policy);
    return Object.entries(policy.spec.portLevelMtls ?? {})
      .filter(([, { mode = 'UNSET' }]) => mode !== 'UNSET' && isStrictMode(mode) !== strict)
      .map(([port]) => Number(port))
      .sort((a, b) => a - b);
  }

  #isStrict(policy: PeerAuthentication): boolean {
    const inForce = this.#inForce(policy, policy.metadata.namespace);
    return inForce !== undefined && isStrictMode(modeOf(inForce));
  }

  /** Whose mode holds: that of the policy which selects a workload, else its namespace's, else the mesh's. */
  #inForce(selecting: PeerAuthentication | undefined, namespace: string): PeerAuthentication | undefined {
    const levels = [selecting, this.#selectorless.get(namespace), this.#selectorless.get(this.#settings.rootNamespace)];
    return levels.find((policy) => policy !== undefined && modeOf(policy) !== 'UNSET');
  }
}

function modeOf({ spec }: PeerAuthentication): MutualTlsMode {
  return spec.mtls?.mode ?? 'UNSET';
}

function hasSelector({ spec }: PeerAuthentication): boolean {
  return Object.keys(spec.selector?.matchLabels ?? {}).length > 0;
}

function isStrictMode(mode: MutualTlsMode): boolean {
  return mode === 'STRICT';
}

/** Underscores, so that no AuthorizationPolicy can be called so. */
function convertedName({ metadata }: PeerAuthentication): string {
  return `converted_peer_authentication_${metadata.name}`;
}

function convertedKey(policy: PeerAuthentication): string {
  return `${policy.metadata.namespace}/${convertedName(policy)}`;
}

function denial(policy: PeerAuthentication, match: MatchInit): Authorization {
  return create(AuthorizationSchema, {
    name: convertedName(policy),
    namespace: policy.metadata.namespace,
    scope: Scope.WORKLOAD_SELECTOR,
    action: Action.DENY,
    rules: [{ clauses: [{ matches: [match] }] }],
  });
}

function byAge(a: PeerAuthentication, b: PeerAuthentication): number {
  const [first, second] = [ageOf(a), ageOf(b)];
  if (first !== second) return first - second;
  return objectName(a.metadata) < objectName(b.metadata) ? -1 : 1;
}

function ageOf({ metadata }: PeerAuthentication): number {
  return metadata.creationTimestamp === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(metadata.creationTimestamp);
}
