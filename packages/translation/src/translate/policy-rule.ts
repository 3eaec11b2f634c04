import type { MessageInitShape } from '@bufbuild/protobuf';
import { parseCidr } from '@ambit/core/cidr';
import type { ClauseSchema, Match, MatchSchema, RuleSchema } from '@ambit/proto/authorization';
import type { OperationField, PolicyRule, RuleCondition, RuleOperation, RuleSource, SourceField } from '../objects.ts';
import { stringMatchOf } from './string-match.ts';

type MatchInit = Exclude<MessageInitShape<typeof MatchSchema>, Match>;
type ClauseInit = MessageInitShape<typeof ClauseSchema>;
export type RuleInit = MessageInitShape<typeof RuleSchema>;

export interface ConvertedRule {
  /** Undefined: the rule is left out. */
  readonly rule: RuleInit | undefined;
  /** What of the rule a node proxy cannot judge, as the policy names it; sorted, each once. */
  readonly unsupported: readonly string[];
}

/** One alternative of a clause: what can be judged of it, and what cannot. */
interface Alternative {
  readonly match: MatchInit;
  readonly unsupported: readonly string[];
}

type Reader = (values: readonly string[], namespace: string) => MatchInit | undefined;

const SOURCE_READERS: Readonly<Record<SourceField, Reader | undefined>> = {
  principals: strings('principals', withoutScheme),
  notPrincipals: strings('notPrincipals', withoutScheme),
  namespaces: strings('namespaces'),
  notNamespaces: strings('notNamespaces'),
  ipBlocks: blocks('sourceIps'),
  notIpBlocks: blocks('notSourceIps'),
  serviceAccounts: accounts('serviceAccounts'),
  notServiceAccounts: accounts('notServiceAccounts'),
  trustDomains: undefined,
  notTrustDomains: undefined,
  remoteIpBlocks: undefined,
  notRemoteIpBlocks: undefined,
  requestPrincipals: undefined,
  notRequestPrincipals: undefined,
};

const OPERATION_READERS: Readonly<Record<OperationField, Reader | undefined>> = {
  ports: ports('destinationPorts'),
  notPorts: ports('notDestinationPorts'),
  hosts: undefined,
  notHosts: undefined,
  methods: undefined,
  notMethods: undefined,
  paths: undefined,
  notPaths: undefined,
};

/** Attributes of `when`: readers of `values` and `notValues`. */
const CONDITION_READERS: ReadonlyMap<string, readonly [Reader, Reader]> = new Map([
  ['source.ip', [blocks('sourceIps'), blocks('notSourceIps')]],
  ['source.namespace', [strings('namespaces'), strings('notNamespaces')]],
  ['source.principal', [strings('principals', withoutScheme), strings('notPrincipals', withoutScheme)]],
  ['source.serviceAccount', [accounts('serviceAccounts'), accounts('notServiceAccounts')]],
  ['destination.ip', [blocks('destinationIps'), blocks('notDestinationIps')]],
  ['destination.port', [ports('destinationPorts'), ports('notDestinationPorts')]],
]);

/**
 * Converts one rule. What a node proxy cannot judge never widens what is let through: an ALLOW rule that holds any of
 * it is left out, a DENY rule is kept without it and so denies more, at the extreme everything.
 */
export function convertRule(rule: PolicyRule, action: 'ALLOW' | 'DENY', namespace: string): ConvertedRule {
  const clauses: Alternative[][] = [
    (rule.to ?? []).map(({ operation }) => readLists<OperationField>(operation, OPERATION_READERS, namespace)),
    (rule.from ?? []).map(({ source }) => readLists<SourceField>(source, SOURCE_READERS, namespace)),
    ...(rule.when ?? []).map((condition) => [readCondition(condition, namespace)]),
  ].filter((alternatives) => alternatives.length > 0);
  const unsupported = [...new Set(clauses.flat().flatMap((alternative) => alternative.unsupported))].sort();
  if (action === 'ALLOW' && unsupported.length > 0) return { rule: undefined, unsupported };
  const converted = clauses.flatMap((alternatives): ClauseInit[] => {
    // An alternative without anything to judge is true, and with it the whole clause.
    if (alternatives.some(({ match }) => Object.keys(match).length === 0)) return [];
    return [{ matches: alternatives.map(({ match }) => match) }];
  });
  return { rule: { clauses: converted }, unsupported };
}

function readLists<Name extends OperationField | SourceField>(
  lists: RuleOperation & RuleSource,
  readers: Readonly<Record<Name, Reader | undefined>>,
  namespace: string,
): Alternative {
  const match: MatchInit = {};
  const unsupported: string[] = [];
  for (const name of Object.keys(readers) as Name[]) {
    const values = lists[name];
    if (values === undefined) continue;
    const read = readers[name]?.(values, namespace);
    if (read === undefined) unsupported.push(name);
    else Object.assign(match, read);
  }
  return { match, unsupported };
}

function readCondition({ key, values, notValues }: RuleCondition, namespace: string): Alternative {
  const readers = CONDITION_READERS.get(key);
  if (readers === undefined) return { match: {}, unsupported: [key] };
  const [positive, negative] = readers;
  const reads = [
    values === undefined || values.length === 0 ? {} : positive(values, namespace),
    notValues === undefined || notValues.length === 0 ? {} : negative(notValues, namespace),
  ];
  const match: MatchInit = { ...reads[0], ...reads[1] };
  return { match, unsupported: reads.includes(undefined) ? [key] : [] };
}

function strings(field: 'namespaces' | 'notNamespaces' | 'notPrincipals' | 'principals', clean = same): Reader {
  return (values) => {
    const matches = values.map((value) => stringMatchOf(clean(value)));
    return matches.includes(undefined) ? undefined : { [field]: matches };
  };
}

function blocks(field: 'destinationIps' | 'notDestinationIps' | 'notSourceIps' | 'sourceIps'): Reader {
  return (values) => {
    const cidrs = values.map((value) => parseCidr(value));
    if (cidrs.includes(undefined)) return undefined;
    return { [field]: cidrs.map((cidr) => ({ address: cidr?.bytes, length: cidr?.prefixLength })) };
  };
}

function ports(field: 'destinationPorts' | 'notDestinationPorts'): Reader {
  return (values) => ({ [field]: values.map((value) => Number(value)) });
}

/** `account` is one of the policy's own namespace. */
function accounts(field: 'notServiceAccounts' | 'serviceAccounts'): Reader {
  return (values, namespace) => {
    if (values.some((value) => value.includes('*'))) return undefined;
    return {
      [field]: values.map((value) => {
        const slash = value.indexOf('/');
        return slash < 0
          ? { namespace, serviceAccount: value }
          : { namespace: value.slice(0, slash), serviceAccount: value.slice(slash + 1) };
      }),
    };
  };
}

// Principals are compared without the scheme; with it a policy could only mean the same identity.
function withoutScheme(value: string): string {
  return value.startsWith('spiffe://') ? value.slice('spiffe://'.length) : value;
}

function same(value: string): string {
  return value;
}
