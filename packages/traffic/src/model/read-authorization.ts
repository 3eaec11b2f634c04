import { parseCidr } from '@ambit/core/cidr';
import type {
  AuthorizationPolicy as Message,
  PolicyCondition as ConditionMessage,
  PolicyRule as RuleMessage,
  ValuePattern as PatternMessage,
} from '@ambit/proto/waypoint';
import type { Message as AnyMessage } from '@bufbuild/protobuf';
import { templateProblem } from '../authorization/path-template.ts';
import { MAX_POLICY_PATTERNS } from '../limits.ts';
import type {
  AuthorizationPolicy,
  PolicyAction,
  PolicyAttribute,
  PolicyCondition,
  PolicyRule,
  ValuePattern,
} from './authorization-policy.ts';
import type { Problems } from './problems.ts';

const ACTIONS = ['allow', 'deny', 'audit', 'custom'] as const satisfies readonly PolicyAction[];

const ATTRIBUTES: readonly (PolicyAttribute | undefined)[] = [
  undefined,
  ...(['source-principal', 'source-namespace', 'source-service-account', 'source-trust-domain'] as const),
  ...(['source-ip', 'remote-ip', 'destination-ip', 'destination-port'] as const),
  ...(['host', 'method', 'path', 'header'] as const),
  ...(['request-principal', 'audience', 'presenter', 'claim'] as const),
];

/** A header's name in lower case (RFC 9110 5.1), or that of a pseudo field. */
const HEADER_NAME = /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const ACCOUNT = /^[^/*]+\/[^/*]+$/;

/**
 * The policies of a resource. Each must be readable as a whole: a part that was left out would change what it says. `authorizers`:
 * the names of those that the resource has; undefined: not known.
 */
export function readAuthorizationPolicies(
  messages: readonly Message[],
  field: string,
  problems: Problems,
  authorizers?: ReadonlySet<string>,
): AuthorizationPolicy[] {
  problems.refuseRepeated(
    field,
    messages.map(({ namespace, name }) => `${namespace}/${name}`),
    'name',
  );
  const patterns = messages.reduce((sum, message) => sum + patternsOf(message), 0);
  if (patterns > MAX_POLICY_PATTERNS) {
    problems.add(field, `they have ${patterns} values to compare with, more than ${MAX_POLICY_PATTERNS}`);
  }
  return messages.map((message, index) =>
    readAuthorizationPolicy(message, `${field}[${index}]`, problems, authorizers),
  );
}

export function readAuthorizationPolicy(
  message: Message,
  field: string,
  problems: Problems,
  authorizers?: ReadonlySet<string>,
): AuthorizationPolicy {
  const { namespace, name, dryRun, authorizer } = message;
  if (namespace.length === 0) problems.add(`${field}.namespace`, 'is empty');
  if (name.length === 0) problems.add(`${field}.name`, 'is empty');
  refuseUnknown(message, field, problems);
  const action = problems.enumName(ACTIONS, message.action, `${field}.action`) ?? 'deny';
  if (action === 'custom') {
    if (dryRun) problems.add(`${field}.dry_run`, 'an authorizer is not asked for nothing');
    if (authorizers?.has(authorizer) === false) {
      problems.add(`${field}.authorizer`, `no authorizer is called ${JSON.stringify(authorizer)}`);
    }
  } else if (authorizer !== '') {
    problems.add(`${field}.authorizer`, 'only CUSTOM asks somebody');
  }
  return {
    namespace,
    name,
    action,
    dryRun,
    authorizer,
    rules: message.rules.map((rule, index) => readRule(rule, `${field}.rules[${index}]`, problems)),
  };
}

/** How many values a policy compares with. */
export function patternsOf({ rules }: Message): number {
  let sum = 0;
  for (const { clauses } of rules)
    for (const { matches } of clauses)
      for (const { conditions } of matches) for (const { values } of conditions) sum += values.length;
  return sum;
}

function readRule(message: RuleMessage, field: string, problems: Problems): PolicyRule {
  refuseUnknown(message, field, problems);
  return {
    clauses: message.clauses.map((clause, index) => {
      const where = `${field}.clauses[${index}]`;
      refuseUnknown(clause, where, problems);
      if (clause.matches.length === 0) problems.add(`${where}.matches`, 'is empty, so that it never holds');
      return {
        matches: clause.matches.map((match, place) => {
          const inside = `${where}.matches[${place}]`;
          refuseUnknown(match, inside, problems);
          if (match.conditions.length === 0) problems.add(`${inside}.conditions`, 'is empty, so that it always holds');
          return {
            conditions: match.conditions.map((condition, at) =>
              readCondition(condition, `${inside}.conditions[${at}]`, problems),
            ),
          };
        }),
      };
    }),
  };
}

function readCondition(message: ConditionMessage, field: string, problems: Problems): PolicyCondition {
  refuseUnknown(message, field, problems);
  const { name, negated } = message;
  const attribute = problems.enumName(ATTRIBUTES, message.attribute, `${field}.attribute`) ?? 'path';
  checkName(attribute, name, `${field}.name`, problems);
  if (message.values.length === 0) problems.add(`${field}.values`, 'is empty');
  const values = message.values.map((pattern, index) =>
    readPattern(pattern, attribute, `${field}.values[${index}]`, problems),
  );
  return { attribute, name: [...name], values, negated };
}

function checkName(attribute: PolicyAttribute, name: readonly string[], field: string, problems: Problems): void {
  if (attribute === 'header') {
    const [header = ''] = name;
    if (name.length !== 1 || !HEADER_NAME.test(header)) {
      problems.add(field, `"${name.join(' ')}" is not the name of a header in lower case`);
    }
  } else if (attribute === 'claim') {
    if (name.length === 0 || name.includes('')) problems.add(field, 'a claim has a name, and no part of it is empty');
  } else if (name.length > 0) {
    problems.add(field, 'only headers and claims have a name');
  }
}

function readPattern(
  message: PatternMessage,
  attribute: PolicyAttribute,
  field: string,
  problems: Problems,
): ValuePattern {
  refuseUnknown(message, field, problems);
  const pattern = patternOf(message, field, problems);
  const problem = patternProblem(pattern, attribute);
  if (problem !== undefined) problems.add(field, problem);
  return pattern;
}

function patternOf({ kind }: PatternMessage, field: string, problems: Problems): ValuePattern {
  switch (kind.case) {
    case 'exact':
    case 'prefix':
    case 'suffix':
      return { kind: kind.case, text: kind.value };
    case 'pathTemplate':
      return { kind: 'template', text: kind.value };
    case 'present':
      if (!kind.value) problems.add(`${field}.present`, 'is false, which says nothing; use negated');
      return { kind: 'present', text: '' };
    case undefined:
      problems.add(`${field}.kind`, 'is not set, or of a kind that this version does not know');
      return { kind: 'present', text: '' };
  }
}

function patternProblem({ kind, text }: ValuePattern, attribute: PolicyAttribute): string | undefined {
  if (kind === 'template') return attribute === 'path' ? templateProblem(text) : 'only paths have templates';
  switch (attribute) {
    case 'destination-ip':
    case 'remote-ip':
    case 'source-ip':
      return kind === 'exact' && parseCidr(text) !== undefined ? undefined : `"${text}" is not an IP block`;
    case 'destination-port':
      return kind === 'exact' && isPort(text) ? undefined : `"${text}" is not a port (1 to 65535)`;
    case 'source-service-account':
      return kind === 'exact' && ACCOUNT.test(text) ? undefined : `"${text}" is not namespace/name`;
    case 'audience':
    case 'claim':
    case 'header':
    case 'host':
    case 'method':
    case 'path':
    case 'presenter':
    case 'request-principal':
    case 'source-namespace':
    case 'source-principal':
    case 'source-trust-domain':
      return undefined;
  }
}

function isPort(text: string): boolean {
  return /^[1-9][0-9]{0,4}$/.test(text) && Number(text) <= 65_535;
}

/** A field of a newer controller could be a condition. */
function refuseUnknown({ $unknown }: AnyMessage, field: string, problems: Problems): void {
  if ($unknown !== undefined && $unknown.length > 0) {
    problems.add(field, 'has a field that is not known; is the controller newer than this waypoint?');
  }
}
