import { ipFromBytes } from '@ambit/core/address';
import { cidrFromBytes } from '@ambit/core/cidr';
import type * as proto from '@ambit/proto/authorization';
import type { Message } from '@bufbuild/protobuf';
import {
  asksNothing,
  EMPTY_MATCH,
  type Policy,
  type PolicyAction,
  type PolicyClause,
  type PolicyMatch,
  type PolicyRule,
  type PolicyScope,
  type ServiceAccountMatch,
  type StringMatch,
} from '../policy/policy.ts';
import { type Problems, readEnum } from './read-common.ts';

const SCOPES = ['global', 'namespace', 'workload'] as const satisfies readonly PolicyScope[];
const ACTIONS = ['allow', 'deny'] as const satisfies readonly PolicyAction[];

/** The reasons for which a policy is refused; empty when there are none. */
export function validateAuthorization(message: proto.Authorization): string[] {
  const problems: Problems = [];
  readPolicy(message, problems);
  return problems;
}

/**
 * A policy. What could not be read is named in `problems`, and the policy becomes stricter by it, never laxer:
 * the unreadable part holds for nothing in an ALLOW and for everything in a DENY. An unknown action is a DENY.
 */
export function readPolicy(message: proto.Authorization, problems: Problems): Policy {
  const action = readEnum(ACTIONS, message.action, 'action', problems) ?? 'deny';
  const scope = readEnum(SCOPES, message.scope, 'scope', problems) ?? 'namespace';
  if (message.name.length === 0) problems.push('name: is empty');
  const rules = message.rules.map((rule, index) => readRule(rule, `rules[${index}]`, action, problems));
  return {
    key: `${message.namespace}/${message.name}`,
    name: message.name,
    namespace: message.namespace,
    scope,
    action,
    dryRun: message.dryRun,
    rules,
    invalid: problems.length === 0 ? undefined : problems.join('; '),
  };
}

/** The policy for bytes that are no Authorization at all: it denies everything to its namespace and to who names it. */
export function unreadablePolicy(key: string, reason: string): Policy {
  const separator = key.indexOf('/');
  return {
    key,
    name: key.slice(separator + 1),
    namespace: separator < 0 ? '' : key.slice(0, separator),
    scope: 'namespace',
    action: 'deny',
    dryRun: false,
    rules: [{ clauses: [] }],
    invalid: reason,
  };
}

function constantMatch(action: PolicyAction): PolicyMatch {
  return { ...EMPTY_MATCH, constant: action === 'allow' ? 'never' : 'always' };
}

function readRule(message: proto.Rule, field: string, action: PolicyAction, problems: Problems): PolicyRule {
  const clauses = message.clauses.map((clause, index) =>
    readClause(clause, `${field}.clauses[${index}]`, action, problems),
  );
  if (!hasUnknown(message, field, problems)) return { clauses };
  return action === 'deny' ? { clauses } : { clauses: [...clauses, { matches: [constantMatch(action)] }] };
}

function readClause(message: proto.Clause, field: string, action: PolicyAction, problems: Problems): PolicyClause {
  const unknown = hasUnknown(message, field, problems);
  const matches = message.matches.map((match, index) =>
    readMatch(match, `${field}.matches[${index}]`, action, problems),
  );
  // An unknown condition beside the matches may narrow the clause or widen it.
  return unknown ? { matches: [constantMatch(action)] } : { matches };
}

function readMatch(message: proto.Match, field: string, action: PolicyAction, problems: Problems): PolicyMatch {
  const values = new MatchValues(field, action);
  const text = (value: proto.StringMatch, name: string) => readStringMatch(value, name, problems);
  const prefix = (value: proto.Address, name: string) => readPrefix(value, name, problems);
  const port = (value: number, name: string) => readMatchPort(value, name, problems);
  const account = (value: proto.ServiceAccountMatch, name: string) => readServiceAccount(value, name, problems);
  if (hasUnknown(message, field, problems)) values.lost = true;
  if (message.extensions.length > 0) {
    problems.push(`${field}.extensions: ${message.extensions.map(({ name }) => name).join(', ')} not supported`);
    values.lost = true;
  }
  const match: PolicyMatch = {
    namespaces: values.any(message.namespaces, text, 'namespaces'),
    notNamespaces: values.none(message.notNamespaces, text, 'not_namespaces'),
    principals: values.any(message.principals, text, 'principals'),
    notPrincipals: values.none(message.notPrincipals, text, 'not_principals'),
    sourceIps: values.any(message.sourceIps, prefix, 'source_ips'),
    notSourceIps: values.none(message.notSourceIps, prefix, 'not_source_ips'),
    destinationIps: values.any(message.destinationIps, prefix, 'destination_ips'),
    notDestinationIps: values.none(message.notDestinationIps, prefix, 'not_destination_ips'),
    destinationPorts: values.any(message.destinationPorts, port, 'destination_ports'),
    notDestinationPorts: values.none(message.notDestinationPorts, port, 'not_destination_ports'),
    serviceAccounts: values.any(message.serviceAccounts, account, 'service_accounts'),
    notServiceAccounts: values.none(message.notServiceAccounts, account, 'not_service_accounts'),
    constant: undefined,
  };
  if (!values.lost) return match;
  // An ALLOW that lost a condition would allow more; a DENY that lost all of them would count as "no match".
  return action === 'allow' || asksNothing(match) ? constantMatch(action) : match;
}

/** Reads the value lists of one match, and notes whether a condition could not be kept. */
class MatchValues {
  /** Set when a whole condition is lost, so that the match no longer says what was meant. */
  lost = false;
  readonly #field: string;
  readonly #allow: boolean;

  constructor(field: string, action: PolicyAction) {
    this.#field = field;
    this.#allow = action === 'allow';
  }

  /** One of the values has to match. Without the unreadable ones an ALLOW is narrower; a DENY must not ask at all. */
  any<In, Out>(values: readonly In[], read: (value: In, name: string) => Out | undefined, name: string): Out[] {
    const readable = this.#read(values, read, name);
    if (readable.length === values.length) return readable;
    if (!this.#allow || readable.length === 0) this.lost = true;
    return this.#allow ? readable : [];
  }

  /** None of the values may match. An unreadable one could have excluded anything: too much for an ALLOW. */
  none<In, Out>(values: readonly In[], read: (value: In, name: string) => Out | undefined, name: string): Out[] {
    const readable = this.#read(values, read, name);
    if (readable.length !== values.length) this.lost = true;
    return readable;
  }

  #read<In, Out>(values: readonly In[], read: (value: In, name: string) => Out | undefined, name: string): Out[] {
    const readable: Out[] = [];
    for (const [index, value] of values.entries()) {
      const out = read(value, `${this.#field}.${name}[${index}]`);
      if (out !== undefined) readable.push(out);
    }
    return readable;
  }
}

function readStringMatch(message: proto.StringMatch, field: string, problems: Problems): StringMatch | undefined {
  const { matchType } = message;
  if (hasUnknown(message, field, problems)) return undefined;
  switch (matchType.case) {
    case 'exact':
    case 'prefix':
    case 'suffix':
      return { kind: matchType.case, value: matchType.value };
    case 'presence':
      return { kind: 'presence' };
    case undefined:
      problems.push(`${field}: none of exact, prefix, suffix, presence is set`);
      return undefined;
  }
}

function readPrefix(message: proto.Address, field: string, problems: Problems): string | undefined {
  const { address, length } = message;
  const ip = ipFromBytes(address);
  if (ip === undefined) {
    problems.push(`${field}: an address has 4 or 16 bytes, not ${address.length}`);
    return undefined;
  }
  // Peers are known by their IPv4 address when it is mapped into IPv6, so such a prefix is kept as IPv4.
  const mapped = address.length === 16 && !ip.includes(':');
  const shortest = mapped ? 96 : 0;
  if (length < shortest || cidrFromBytes(address, length) === undefined) {
    problems.push(`${field}: ${ip}/${length} is not a prefix, its length must be ${shortest} to ${address.length * 8}`);
    return undefined;
  }
  return `${ip}/${length - shortest}`;
}

function readMatchPort(port: number, field: string, problems: Problems): number | undefined {
  if (port >= 1 && port <= 65_535) return port;
  problems.push(`${field}: ${port} is not a port (1 to 65535)`);
  return undefined;
}

function readServiceAccount(
  message: proto.ServiceAccountMatch,
  field: string,
  problems: Problems,
): ServiceAccountMatch | undefined {
  if (hasUnknown(message, field, problems)) return undefined;
  const { namespace, serviceAccount } = message;
  if (namespace.length > 0 && serviceAccount.length > 0) return { namespace, serviceAccount };
  problems.push(`${field}: namespace and service account must both be set`);
  return undefined;
}

/** A field of a newer controller could be a condition: dropping it in silence would change what the policy says. */
function hasUnknown(message: Message, field: string, problems: Problems): boolean {
  const unknown = message.$unknown;
  if (unknown === undefined || unknown.length === 0) return false;
  problems.push(`${field}: field number ${unknown.map(({ no }) => no).join(', ')} is not known to this version`);
  return true;
}
