import type { ProxyProtocol } from '@ambit/proto/waypoint';
import type { LocalityLb } from '../../locality-objects.ts';
import type { Model } from '../../model.ts';
import { objectName, type Texts } from '../../objects.ts';
import { type MeshService, passesThrough } from '../mesh-service.ts';
import { istioDurationMs } from '../../schema/durations.ts';
import type { DestinationRule, PortPolicy, TrafficPolicy } from '../../traffic-objects.ts';
import { type Condition, conditionOf } from '../condition.ts';
import { loadBalancingOf } from '../service.ts';
import type { TranslationSettings } from '../settings.ts';
import { isExported } from './exported.ts';
import { HostIndex } from './host-index.ts';
import type { ServiceHosts } from './hosts.ts';
import { destinationFieldsNotHonoured, tlsSettings, unusableTls } from './destination-fields.ts';
import { type LocalitySources, localityOf } from './locality-preference.ts';
import { notHonouredMessage, passthroughMessage } from './not-honoured.ts';
import { compareAge } from './precedence.ts';
import { type Credential, foreignCredential, type SecretCertificates } from './secret-certificates.ts';
import {
  credentialProblem,
  destinationTls,
  isOfEndpoint,
  proxyProtocolOf,
  unavailable,
  type UpstreamTlsInit,
} from './upstream-tls.ts';
import { type Balancing, balancingOf } from './balancing.ts';
import { type CircuitBreakerInit, circuitBreakerOf } from './circuit-breaker.ts';
import { type DestinationLimits, destinationLimits } from './destination-limits.ts';
import { listed } from './virtual-outcome.ts';

/** From a connect to its end, milliseconds, when no DestinationRule says otherwise (as in Istio). */
export const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;

/** How connections to one port of a Service, or a subset of it, are made. */
export interface DestinationPolicy {
  readonly balancing: Balancing;
  /** Undefined: what the Service itself prefers, or nothing. */
  readonly locality: LocalityLb | undefined;
  readonly connectTimeoutMs: number;
  /** What the port declares (undefined), HTTP/2 in any case, or what the client speaks. Of ports that may speak HTTP. */
  readonly http: 'http2' | 'as-client' | undefined;
  /** Undefined: none beside the mesh's. */
  readonly tls: UpstreamTlsInit | undefined;
  readonly proxyProtocol: ProxyProtocol;
  readonly limits: DestinationLimits;
  /** Labels of the subset's pods; undefined: no subset was asked for. */
  readonly subsetLabels: Texts | undefined;
}

/** The DestinationRules of a model. */
export class DestinationRules {
  readonly #model: Model;
  readonly #settings: TranslationSettings;
  readonly #meshLocality: LocalityLb;
  readonly #hosts: ServiceHosts;
  readonly #secrets: SecretCertificates;
  readonly #rules: readonly DestinationRule[];
  readonly #refused = new Map<DestinationRule, string>();
  /** Why a rule is in force at services alone that pass connections through. */
  readonly #throughOnly = new Map<DestinationRule, string>();
  /** Fields without which a rule is in force. */
  readonly #without = new Map<DestinationRule, readonly string[]>();
  /** Why connections are refused where a rule holds. */
  readonly #closed = new Map<DestinationRule, readonly string[]>();
  readonly #used = new Set<DestinationRule>();
  /** What of a rule another one of the same host decides, a sentence each. */
  readonly #hidden = new Map<DestinationRule, Set<string>>();
  readonly #byHost = new HostIndex<DestinationRule>();
  /** Rules that have no effect and ask for TLS. */
  readonly #closing = new HostIndex<DestinationRule>();

  /** `meshLocality`: what the mesh says of localities where no rule does. */
  constructor(
    model: Model,
    settings: TranslationSettings,
    hosts: ServiceHosts,
    secrets: SecretCertificates,
    meshLocality: LocalityLb,
  ) {
    this.#model = model;
    this.#meshLocality = meshLocality;
    this.#settings = settings;
    this.#secrets = secrets;
    this.#hosts = hosts;
    this.#rules = [...model.destinationRules.values()].sort((a, b) => compareAge(a.metadata, b.metadata));
    for (const rule of this.#rules) {
      const { decisive, passthrough, others } = destinationFieldsNotHonoured(rule);
      const host = hosts.resolve(rule.spec.host, rule.metadata.namespace);
      const isRefused = decisive.length > 0 || (passthrough.length > 0 && !mayPassThrough(hosts.matching(host)));
      const message =
        decisive.length > 0
          ? notHonouredMessage([...decisive, ...passthrough, ...others])
          : passthroughMessage(passthrough);
      if (isRefused || passthrough.length > 0) {
        const isSecret = rule.spec.workloadSelector === undefined && tlsSettings(rule).some(isOfEndpoint);
        (isRefused ? this.#refused : this.#throughOnly).set(
          rule,
          isSecret ? `${message}, but that connections are refused where it asks for TLS` : message,
        );
        // What was to be sent in TLS must not go in the clear.
        if (isSecret) this.#closing.add(host, rule);
      }
      if (isRefused) continue;
      if (others.length > 0) this.#without.set(rule, others);
      const closed = unusableTls(rule);
      if (closed.length > 0) this.#closed.set(rule, closed);
      this.#byHost.add(host, rule);
    }
  }

  /** What holds for a Service's port at the waypoints of a namespace; undefined: it has no subset of that name. */
  policyOf(
    service: MeshService,
    port: number,
    subset: string,
    waypointNamespace: string,
  ): DestinationPolicy | undefined {
    const policy = this.#policyWithout(service, port, subset, waypointNamespace);
    const closing = this.#rulesFor('closing', service, waypointNamespace).find((rule) =>
      asksForTls(rule, port, subset),
    );
    if (policy === undefined || closing === undefined) return policy;
    const reason = this.#refused.get(closing) ?? this.#throughOnly.get(closing) ?? '';
    return { ...policy, tls: unavailable(`DestinationRule ${objectName(closing.metadata)}: ${reason}`) };
  }

  /** The same, as if there were no rules without effect. */
  #policyWithout(
    service: MeshService,
    port: number,
    subset: string,
    waypointNamespace: string,
  ): DestinationPolicy | undefined {
    const rules = this.#rulesFor('in-force', service, waypointNamespace);
    for (const rule of rules) this.#used.add(rule);
    if (rules.length > 1) this.#noteHidden(rules);
    const credentialOf = (name: string): Credential => this.#credentialOf(rules, waypointNamespace, name);
    const whole = rules.find(({ spec }) => spec.trafficPolicy !== undefined)?.spec.trafficPolicy;
    const preferences = loadBalancingOf(service, this.#model.namespaces.get(service.metadata.namespace));
    const around: Surroundings = {
      ...{ credentialOf, breaker: firstBreaker(rules), mesh: this.#meshLocality },
      servicePrefers: (preferences?.routingPreference ?? []).length > 0,
    };
    if (subset === '') return { ...policyAt(whole, undefined, port, around), subsetLabels: undefined };
    const found = rules.flatMap(({ spec }) => spec.subsets ?? []).find(({ name }) => name === subset);
    return found === undefined
      ? undefined
      : { ...policyAt(whole, found.trafficPolicy, port, around), subsetLabels: found.labels ?? {} };
  }

  /** Call after every policy was asked for. */
  conditions(): Condition[] {
    return this.#rules.map((rule) => {
      const refusal = this.#refused.get(rule);
      if (refusal !== undefined) return conditionOf(rule, 'WaypointAccepted', 'False', 'UnsupportedValue', refusal);
      const hidden = [...(this.#hidden.get(rule) ?? [])];
      const without = this.#without.get(rule);
      if (hidden.length > 0 || this.#used.has(rule)) {
        const closed = this.#closed.get(rule);
        const throughOnly = this.#throughOnlyNote(rule);
        const missing = [
          ...(closed === undefined ? [] : [`connections are refused where it says so: ${closed.join('; ')}`]),
          ...(without === undefined ? [] : [`${without.join(', ')}: not honoured, the rest is`]),
          ...(throughOnly === undefined ? [] : [throughOnly]),
        ];
        const reason = hidden.length > 0 ? 'Conflicted' : missing.length > 0 ? 'PartiallyInvalid' : 'Accepted';
        const said = [...hidden, ...missing];
        const message = said.length === 0 ? 'enforced by waypoints' : listed(said);
        return conditionOf(rule, 'WaypointAccepted', 'True', reason, message);
      }
      const host = this.#hosts.resolve(rule.spec.host, rule.metadata.namespace);
      return this.#hosts.matching(host).length === 0
        ? conditionOf(
            rule,
            'WaypointAccepted',
            'False',
            'TargetNotFound',
            `no Service or ServiceEntry is called ${host}`,
          )
        : conditionOf(
            rule,
            'WaypointAccepted',
            'False',
            'AncestorNotBound',
            `no waypoint that sees it leads to ${host}`,
          );
    });
  }

  /** What to say of a rule that has no effect at some of those that its host stands for. */
  #throughOnlyNote(rule: DestinationRule): string | undefined {
    const note = this.#throughOnly.get(rule);
    if (note === undefined) return undefined;
    const services = this.#hosts.matching(this.#hosts.resolve(rule.spec.host, rule.metadata.namespace));
    return services.every((service) => passesThrough(service)) ? undefined : note;
  }

  /** Reads a Secret, and notes what rules want of it in vain. */
  #credentialOf(rules: readonly DestinationRule[], waypointNamespace: string, name: string): Credential {
    // Rules of one namespace act together. Who may not read a Secret must not have a waypoint show itself with it.
    const isOwn = rules.some(({ metadata: { namespace } }) =>
      [waypointNamespace, this.#settings.rootNamespace].includes(namespace),
    );
    const credential = isOwn ? this.#secrets.of(waypointNamespace, name) : foreignCredential(waypointNamespace, name);
    for (const rule of rules) {
      for (const tls of tlsSettings(rule)) {
        if (tls.credentialName !== name) continue;
        const problem = credentialProblem(credential, tls);
        const known = this.#closed.get(rule) ?? [];
        if (problem !== undefined && !known.includes(problem)) this.#closed.set(rule, [...known, problem]);
      }
    }
    return credential;
  }

  /** Of several rules for one host the first that says something counts. */
  #noteHidden(rules: readonly DestinationRule[]): void {
    const owners = new Map<string, DestinationRule>();
    for (const rule of rules) {
      const { trafficPolicy, subsets = [] } = rule.spec;
      const said = [
        ...(trafficPolicy === undefined ? [] : ['trafficPolicy']),
        ...subsets.map(({ name }) => `subset ${name}`),
      ];
      for (const what of said) {
        const owner = owners.get(what);
        if (owner === undefined) owners.set(what, rule);
        else this.#hide(rule, `its ${what} has no effect, that of ${objectName(owner.metadata)} goes before`);
      }
    }
  }

  #hide(rule: DestinationRule, message: string): void {
    const known = this.#hidden.get(rule);
    if (known === undefined) this.#hidden.set(rule, new Set([message]));
    else known.add(message);
  }

  /**
   * Of the first namespace that has one: the waypoint's, the Service's, the mesh-wide one. Rules for exactly this host
   * hide those with wildcards; several of one host are one, the oldest first.
   */
  #rulesFor(
    effect: 'closing' | 'in-force',
    service: MeshService,
    waypointNamespace: string,
  ): readonly DestinationRule[] {
    const name = this.#hosts.hostOf(service);
    const byHost = effect === 'closing' ? this.#closing : this.#byHost;
    const [exact, wildcards] = [byHost.exact(name), byHost.wildcards(name)];
    for (const namespace of [waypointNamespace, service.metadata.namespace, this.#settings.rootNamespace]) {
      const isMeant = (rule: DestinationRule): boolean =>
        rule.metadata.namespace === namespace &&
        isExported(rule.spec.exportTo, namespace, waypointNamespace) &&
        this.#hasEffect(rule, service) === (effect === 'in-force');
      const best = exact.filter(isMeant);
      if (best.length > 0) return best;
      const fitting = wildcards.filter(({ value }) => isMeant(value));
      const longest = Math.max(...fitting.map(({ host }) => host.length));
      if (fitting.length > 0) return fitting.filter(({ host }) => host.length === longest).map(({ value }) => value);
    }
    return [];
  }

  #hasEffect(rule: DestinationRule, service: MeshService): boolean {
    if (this.#throughOnly.has(rule)) return passesThrough(service);
    return !this.#refused.has(rule);
  }
}

/** Whether one of those that a host stands for does; also when it stands for nobody yet. */
function mayPassThrough(services: readonly MeshService[]): boolean {
  return services.length === 0 || services.some((service) => passesThrough(service));
}

/** Of several rules of one host the first that has one. */
function firstBreaker(rules: readonly DestinationRule[]): CircuitBreakerInit | undefined {
  for (const rule of rules) {
    const breaker = circuitBreakerOf(rule);
    if (breaker !== undefined && !('problem' in breaker)) return breaker;
  }
  return undefined;
}

function asksForTls({ spec }: DestinationRule, port: number, subset: string): boolean {
  const own = spec.subsets?.find(({ name }) => name === subset)?.trafficPolicy;
  const { tls } = { ...atPort(spec.trafficPolicy, port), ...atPort(own, port) };
  return tls !== undefined && isOfEndpoint(tls);
}

/** What is said elsewhere than in the policy. */
interface Surroundings extends Pick<LocalitySources, 'mesh' | 'servicePrefers'> {
  readonly credentialOf: (name: string) => Credential;
  readonly breaker: CircuitBreakerInit | undefined;
}

/** The settings of a port replace those of the whole; a subset's replace those of the Service one by one. */
function policyAt(
  whole: TrafficPolicy | undefined,
  subset: TrafficPolicy | undefined,
  port: number,
  { credentialOf, breaker, mesh, servicePrefers }: Surroundings,
): Omit<DestinationPolicy, 'subsetLabels'> {
  const policy: PortPolicy = { ...atPort(whole, port), ...atPort(subset, port) };
  const timeout = policy.connectionPool?.tcp?.connectTimeout;
  return {
    balancing: balancingOf(policy.loadBalancer),
    locality: localityOf({
      ...{ mesh, servicePrefers, own: policy.loadBalancer?.localityLbSetting },
      detectsOutliers: policy.outlierDetection !== undefined,
    }),
    connectTimeoutMs:
      timeout === undefined
        ? DEFAULT_CONNECT_TIMEOUT_MS
        : Math.max(1, istioDurationMs(timeout) ?? DEFAULT_CONNECT_TIMEOUT_MS),
    http: httpOf(policy.connectionPool?.http),
    tls: destinationTls(policy.tls, credentialOf),
    proxyProtocol: proxyProtocolOf(whole, subset),
    limits: destinationLimits(policy, subset?.retryBudget ?? whole?.retryBudget, breaker),
  };
}

/** `useClientProtocol` goes before an upgrade (Istio). */
function httpOf(pool: NonNullable<PortPolicy['connectionPool']>['http']): DestinationPolicy['http'] {
  if (pool?.useClientProtocol === true) return 'as-client';
  return pool?.h2UpgradePolicy === 'UPGRADE' ? 'http2' : undefined;
}

function atPort(policy: TrafficPolicy | undefined, port: number): PortPolicy | undefined {
  return policy?.portLevelSettings?.find((settings) => settings.port?.number === port) ?? policy;
}
