import { EMPTY_MATCH, type Policy, type PolicyMatch, type PolicyRule } from '../policy/policy.ts';
import { ANY_ENDPOINT, type Service } from '../service.ts';

// The text in which a service or policy crosses threads: its model as JSON without what equals the defaults below.

type Sparse<Model> = { -readonly [Key in keyof Model]?: Model[Key] | undefined };

const SERVICE_DEFAULTS: Omit<Service, 'hostname' | 'key'> = {
  name: '',
  namespace: '',
  addresses: [],
  ports: [],
  subjectAltNames: [],
  waypoints: [],
  loadBalancing: ANY_ENDPOINT,
  ipFamilies: 'automatic',
  canonical: false,
  namespaceOnly: false,
  ingressUseWaypoint: false,
  invalid: undefined,
};

export function formatService(service: Service): string {
  const { key, hostname, ...rest } = service;
  return JSON.stringify({ key, hostname, ...sparse(rest, SERVICE_DEFAULTS) });
}

export function parseService(_keys: string, text: string): Service {
  const record = JSON.parse(text) as Sparse<Omit<Service, 'hostname' | 'key'>> & { key: string; hostname: string };
  const defaults = SERVICE_DEFAULTS;
  return {
    key: record.key,
    name: record.name ?? defaults.name,
    namespace: record.namespace ?? defaults.namespace,
    hostname: record.hostname,
    // JSON leaves out what is undefined; the model has the field always.
    addresses: record.addresses?.map(({ network, ip, prefixLength }) => ({ network, ip, prefixLength })) ?? [],
    ports: record.ports ?? defaults.ports,
    subjectAltNames: record.subjectAltNames ?? defaults.subjectAltNames,
    waypoints: record.waypoints ?? defaults.waypoints,
    loadBalancing: record.loadBalancing ?? defaults.loadBalancing,
    ipFamilies: record.ipFamilies ?? defaults.ipFamilies,
    canonical: record.canonical ?? defaults.canonical,
    namespaceOnly: record.namespaceOnly ?? defaults.namespaceOnly,
    ingressUseWaypoint: record.ingressUseWaypoint ?? defaults.ingressUseWaypoint,
    invalid: record.invalid,
  };
}

export function formatPolicy(policy: Policy): string {
  const rules = policy.rules.map(({ clauses }) => ({
    clauses: clauses.map(({ matches }) => ({ matches: matches.map((match) => sparse(match, EMPTY_MATCH)) })),
  }));
  return JSON.stringify({ ...policy, rules });
}

export function parsePolicy(_keys: string, text: string): Policy {
  const record = JSON.parse(text) as Omit<Policy, 'invalid' | 'rules'> & {
    invalid?: string;
    rules: { clauses: { matches: Sparse<PolicyMatch>[] }[] }[];
  };
  const rules: PolicyRule[] = record.rules.map(({ clauses }) => ({
    clauses: clauses.map(({ matches }) => ({
      matches: matches.map((match) => ({ ...EMPTY_MATCH, ...(match as Partial<PolicyMatch>) })),
    })),
  }));
  return { ...record, invalid: record.invalid, rules };
}

/** The entries of `model` that differ from `defaults`, which must have the same keys. */
function sparse<Model extends object>(model: Model, defaults: Model): Partial<Model> {
  const differing: Partial<Model> = {};
  for (const key of Object.keys(model) as (keyof Model)[]) {
    const value = model[key];
    if (value === defaults[key] || (Array.isArray(value) && value.length === 0)) continue;
    differing[key] = value;
  }
  return differing;
}
