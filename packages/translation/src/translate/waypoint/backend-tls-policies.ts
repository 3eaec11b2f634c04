import type { Gateway, BackendTlsPolicy, BackendTlsTarget, ParentReference } from '../../gateway-objects.ts';
import type { Model } from '../../model.ts';
import { objectName, type ServicePort } from '../../objects.ts';
import { type Condition, conditionOf } from '../condition.ts';
import { type MeshService, serviceName } from '../mesh-service.ts';
import { tcpPorts } from '../service.ts';
import { sortedByAge } from './precedence.ts';
import type { ServiceCatalog } from './service-catalog.ts';
import { certificatesProblem, dnsName, type UpstreamTlsInit, unavailable, uriName } from './upstream-tls.ts';

/** Key of a ConfigMap under which certificates of authorities stand. */
const CA_KEY = 'ca.crt';

type Said = Pick<Condition, 'message' | 'reason' | 'status' | 'type'>;

/** What a policy asks for, and what is said of it wherever it acts. */
interface Reading {
  readonly tls: UpstreamTlsInit;
  readonly accepted: Said;
  readonly resolved: Said;
}

interface Place {
  readonly policy: BackendTlsPolicy;
  readonly target: BackendTlsTarget;
  readonly service: MeshService;
  /** The older policy that acts there in its place. */
  readonly winner: BackendTlsPolicy | undefined;
}

/** The BackendTLSPolicies of a model: of several for one target the oldest acts, and one for a port goes before one for all of them. */
export class BackendTlsPolicies {
  readonly #policies: readonly BackendTlsPolicy[];
  readonly #readings = new Map<BackendTlsPolicy, Reading>();
  readonly #places: Place[] = [];
  readonly #lost = new Map<BackendTlsPolicy, string[]>();
  /** By service and name of the port, empty for all ports. */
  readonly #inForce = new Map<string, BackendTlsPolicy>();

  constructor(model: Model, catalog: ServiceCatalog) {
    this.#policies = sortedByAge([...model.backendTlsPolicies.values()]);
    for (const policy of this.#policies) {
      this.#readings.set(policy, readPolicy(policy, model));
      for (const target of policy.spec.targetRefs) this.#attach(policy, target, catalog);
    }
  }

  /** What holds for a port; undefined: no policy acts there. */
  at(service: MeshService, { name }: ServicePort): UpstreamTlsInit | undefined {
    const of = (section: string): BackendTlsPolicy | undefined => this.#inForce.get(keyOf(service, section));
    const policy = (name === undefined || name === '' ? undefined : of(name)) ?? of('');
    return policy === undefined ? undefined : this.#readings.get(policy)?.tls;
  }

  /** `namespace/name` of the ConfigMaps that are named. */
  configMaps(): string[] {
    return this.#policies.flatMap(({ metadata, spec }) =>
      (spec.validation.caCertificateRefs ?? [])
        .filter(({ group, kind }) => group === '' && kind === 'ConfigMap')
        .map(({ name }) => `${metadata.namespace}/${name}`),
    );
  }

  /** One pair for each waypoint that serves what a policy is for. */
  conditions(waypointsOf: (service: MeshService) => readonly Gateway[]): Condition[] {
    return this.#policies.flatMap((policy) => {
      const places = this.#places.filter((place) => place.policy === policy);
      const gateways = new Set(places.flatMap(({ service }) => waypointsOf(service)));
      if (gateways.size === 0) {
        const lost = this.#lost.get(policy) ?? [];
        const [reason, message] =
          lost.length > 0
            ? ['TargetNotFound', lost.join('; ')]
            : ['AncestorNotBound', 'no waypoint serves what it is for'];
        return [conditionOf(policy, 'Accepted', 'False', reason, message)];
      }
      return [...gateways].flatMap((gateway) => {
        const here = places.filter(({ service }) => waypointsOf(service).includes(gateway));
        return this.#said(policy, here).map(({ type, status, reason, message }) => ({
          ...conditionOf(policy, type, status, reason, message),
          parent: ancestorOf(gateway),
        }));
      });
    });
  }

  #said(policy: BackendTlsPolicy, places: readonly Place[]): Said[] {
    const reading = this.#readings.get(policy);
    if (reading === undefined) return [];
    const { accepted, resolved } = reading;
    const conflicts = places.flatMap(({ winner, target }) =>
      winner === undefined ? [] : [`${targetText(target)} has ${objectName(winner.metadata)}`],
    );
    const remarks = [...conflicts, ...(this.#lost.get(policy) ?? [])];
    if (accepted.status === 'False' || remarks.length === 0) return [accepted, resolved];
    const message = remarks.join('; ');
    return conflicts.length === places.length
      ? [{ ...accepted, status: 'False', reason: 'Conflicted', message }, resolved]
      : [{ ...accepted, message: `${accepted.message}; but not for all: ${message}` }, resolved];
  }

  #attach(policy: BackendTlsPolicy, target: BackendTlsTarget, catalog: ServiceCatalog): void {
    const { sectionName = '' } = target;
    const services = servicesOf(policy, target, catalog);
    const isThere = (service: MeshService): boolean =>
      sectionName === '' || tcpPorts(service).some(({ name }) => name === sectionName);
    const found = services.filter(isThere);
    if (found.length === 0) {
      const what = services.length > 0 ? `no port ${sectionName}` : 'not there';
      this.#lost.set(policy, [...(this.#lost.get(policy) ?? []), `${targetText(target)}: ${what}`]);
    }
    for (const service of found) {
      const key = keyOf(service, sectionName);
      const winner = this.#inForce.get(key);
      if (winner === undefined) this.#inForce.set(key, policy);
      this.#places.push({ policy, target, service, winner });
    }
  }
}

function servicesOf(
  { metadata: { namespace } }: BackendTlsPolicy,
  { group, kind, name }: BackendTlsTarget,
  catalog: ServiceCatalog,
): readonly MeshService[] {
  const key = `${namespace}/${name}`;
  if (group === 'networking.istio.io' && kind === 'ServiceEntry') return catalog.hosts(key);
  const service = group === '' && kind === 'Service' ? catalog.service(key) : undefined;
  return service === undefined ? [] : [service];
}

function readPolicy(policy: BackendTlsPolicy, model: Model): Reading {
  const { validation, options = {} } = policy.spec;
  const { hostname, subjectAltNames = [], wellKnownCACertificates = '', caCertificateRefs = [] } = validation;
  const name = objectName(policy.metadata);
  const without = Object.keys(options).length > 0 ? '; its options are not honoured' : '';
  const accepted: Said = { type: 'Accepted', status: 'True', reason: 'Accepted', message: `in force${without}` };
  const resolved: Said = {
    type: 'ResolvedRefs',
    status: 'True',
    reason: 'ResolvedRefs',
    message: 'all it names is there',
  };
  const names = {
    serverName: hostname.toLowerCase(),
    acceptedNames: subjectAltNames.map(({ type, hostname: host = '', uri = '' }) =>
      type === 'URI' ? uriName(uri) : dnsName(host),
    ),
  };
  if (wellKnownCACertificates === 'System') {
    return { tls: { ...names, trust: { case: 'systemRoots', value: true } }, accepted, resolved };
  }
  if (wellKnownCACertificates !== '') {
    const message = `wellKnownCACertificates ${wellKnownCACertificates} are not known (System); connections are refused`;
    const invalid: Said = { ...accepted, status: 'False', reason: 'Invalid', message };
    return { tls: unavailable(`BackendTLSPolicy ${name}: ${message}`), accepted: invalid, resolved };
  }
  const read = caCertificateRefs.map((reference) => readReference(reference, policy, model));
  const problems = read.flatMap((one) => ('problem' in one ? [one] : []));
  const pems = read.flatMap((one) => ('pem' in one ? [one.pem] : []));
  const [first] = problems;
  const message = problems.map(({ problem }) => problem).join('; ');
  const unresolved: Said =
    first === undefined ? resolved : { ...resolved, status: 'False', reason: first.reason, message };
  if (pems.length === 0) {
    const refusal: Said = {
      ...accepted,
      ...{ status: 'False', reason: 'NoValidCACertificate', message: `connections are refused: ${message}` },
    };
    return { tls: unavailable(`BackendTLSPolicy ${name}: ${message}`), accepted: refusal, resolved: unresolved };
  }
  const tls = { ...names, trust: { case: 'caPem', value: pems.join('\n') } } as const;
  return { tls, accepted, resolved: unresolved };
}

function readReference(
  { group, kind, name }: { readonly group: string; readonly kind: string; readonly name: string },
  { metadata: { namespace } }: BackendTlsPolicy,
  model: Model,
): { readonly pem: string } | { readonly problem: string; readonly reason: string } {
  if (group !== '' || kind !== 'ConfigMap') {
    return { problem: `${kind} ${name} is no ConfigMap, and nothing else is read`, reason: 'InvalidKind' };
  }
  const pem = model.configMaps.get(`${namespace}/${name}`)?.data?.[CA_KEY];
  const problem = pem === undefined ? `is not there or has no key ${CA_KEY}` : certificatesProblem(pem);
  return problem === undefined
    ? { pem: pem ?? '' }
    : { problem: `ConfigMap ${namespace}/${name} ${problem}`, reason: 'InvalidCACertificateRef' };
}

function ancestorOf({ metadata: { namespace, name } }: Gateway): ParentReference {
  return { group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace, name };
}

function targetText({ kind, name, sectionName = '' }: BackendTlsTarget): string {
  return `${kind} ${name}${sectionName === '' ? '' : ` port ${sectionName}`}`;
}

function keyOf(service: MeshService, section: string): string {
  return `${serviceName(service)}|${section}`;
}
