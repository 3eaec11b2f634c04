import type { MessageInitShape } from '@bufbuild/protobuf';
import { parseCidr } from '@ambit/core/cidr';
import { PolicyAttribute, type PolicyConditionSchema, type ValuePatternSchema } from '@ambit/proto/waypoint';
import { isPathTemplate, templateProblem } from '@ambit/traffic/authorization/path-template';
import type { OperationField, RuleCondition, SourceField } from '../../objects.ts';

export type PolicyConditionInit = MessageInitShape<typeof PolicyConditionSchema>;
type PatternInit = MessageInitShape<typeof ValuePatternSchema>;

/** Undefined: a waypoint cannot compare with the value. */
type Reader = (value: string, namespace: string) => PatternInit | undefined;

interface Attribute {
  readonly attribute: PolicyAttribute;
  readonly name?: readonly string[];
  readonly read: Reader;
}

const PRINCIPAL: Attribute = { attribute: PolicyAttribute.SOURCE_PRINCIPAL, read: principal };
const NAMESPACE: Attribute = { attribute: PolicyAttribute.SOURCE_NAMESPACE, read: pattern };
const SERVICE_ACCOUNT: Attribute = { attribute: PolicyAttribute.SOURCE_SERVICE_ACCOUNT, read: account };
const TRUST_DOMAIN: Attribute = { attribute: PolicyAttribute.SOURCE_TRUST_DOMAIN, read: pattern };
const SOURCE_IP: Attribute = { attribute: PolicyAttribute.SOURCE_IP, read: block };
const REMOTE_IP: Attribute = { attribute: PolicyAttribute.REMOTE_IP, read: block };
const DESTINATION_PORT: Attribute = { attribute: PolicyAttribute.DESTINATION_PORT, read: exactly };
const REQUEST_PRINCIPAL: Attribute = { attribute: PolicyAttribute.REQUEST_PRINCIPAL, read: pattern };

type Positive<Field extends string> = Exclude<Field, `not${string}`>;

const SOURCES: Readonly<Record<Positive<SourceField>, Attribute>> = {
  principals: PRINCIPAL,
  namespaces: NAMESPACE,
  serviceAccounts: SERVICE_ACCOUNT,
  trustDomains: TRUST_DOMAIN,
  ipBlocks: SOURCE_IP,
  remoteIpBlocks: REMOTE_IP,
  requestPrincipals: REQUEST_PRINCIPAL,
};

const OPERATIONS: Readonly<Record<Positive<OperationField>, Attribute>> = {
  hosts: { attribute: PolicyAttribute.HOST, read: pattern },
  ports: DESTINATION_PORT,
  methods: { attribute: PolicyAttribute.METHOD, read: pattern },
  paths: { attribute: PolicyAttribute.PATH, read: path },
};

const KEYS: ReadonlyMap<string, Attribute> = new Map([
  ['source.principal', PRINCIPAL],
  ['source.namespace', NAMESPACE],
  ['source.serviceAccount', SERVICE_ACCOUNT],
  ['source.trustDomain', TRUST_DOMAIN],
  ['source.ip', SOURCE_IP],
  ['remote.ip', REMOTE_IP],
  ['destination.ip', { attribute: PolicyAttribute.DESTINATION_IP, read: block }],
  ['destination.port', DESTINATION_PORT],
  ['request.auth.principal', REQUEST_PRINCIPAL],
  ['request.auth.audiences', { attribute: PolicyAttribute.AUDIENCE, read: pattern }],
  ['request.auth.presenter', { attribute: PolicyAttribute.PRESENTER, read: pattern }],
]);

/** The fields of a `source`, and those of an `operation`, in the order in which they are written down. */
export const SOURCE_FIELDS: readonly SourceField[] = withNot(SOURCES);
export const OPERATION_FIELDS: readonly OperationField[] = withNot(OPERATIONS);

/** What a list of a `source` asks for; undefined: no waypoint can judge it. */
export function sourceCondition(
  field: SourceField,
  values: readonly string[],
  namespace: string,
): PolicyConditionInit | undefined {
  return listCondition(SOURCES, field, values, namespace);
}

/** The same of an `operation`. */
export function operationCondition(
  field: OperationField,
  values: readonly string[],
  namespace: string,
): PolicyConditionInit | undefined {
  return listCondition(OPERATIONS, field, values, namespace);
}

/** What an entry of `when` asks for, at most two conditions that both must hold; undefined: no waypoint can judge it. */
export function whenConditions(
  { key, values = [], notValues = [] }: RuleCondition,
  namespace: string,
): readonly PolicyConditionInit[] | undefined {
  const attribute = KEYS.get(key) ?? headerOf(key) ?? claimOf(key);
  if (attribute === undefined) return undefined;
  const conditions = [
    values.length === 0 ? [] : conditionOf(attribute, values, false, namespace),
    notValues.length === 0 ? [] : conditionOf(attribute, notValues, true, namespace),
  ];
  return conditions.includes(undefined) ? undefined : conditions.flatMap((condition) => condition ?? []);
}

function listCondition<Field extends string>(
  attributes: Readonly<Record<Positive<Field>, Attribute>>,
  field: Field,
  values: readonly string[],
  namespace: string,
): PolicyConditionInit | undefined {
  const negated = field.startsWith('not');
  const positive = negated ? `${field.charAt(3).toLowerCase()}${field.slice(4)}` : field;
  return conditionOf(attributes[positive as Positive<Field>], values, negated, namespace);
}

function conditionOf(
  { attribute, name = [], read }: Attribute,
  texts: readonly string[],
  negated: boolean,
  namespace: string,
): PolicyConditionInit | undefined {
  const values = texts.map((text) => read(text, namespace));
  if (values.includes(undefined)) return undefined;
  return { attribute, name: [...name], values: values.flatMap((value) => value ?? []), negated };
}

function withNot<Field extends string>(attributes: Readonly<Record<Positive<Field>, Attribute>>): Field[] {
  return Object.keys(attributes).flatMap((name) => [
    name,
    `not${name.charAt(0).toUpperCase()}${name.slice(1)}`,
  ]) as Field[];
}

function headerOf(key: string): Attribute | undefined {
  const [, name] = /^request\.headers\[([!#$%&'*+\-.^_`|~0-9A-Za-z]+|:authority|:method|:path)\]$/.exec(key) ?? [];
  if (name === undefined) return undefined;
  return { attribute: PolicyAttribute.HEADER, name: [name.toLowerCase()], read: pattern };
}

/** `request.auth.claims[a][b]` is the claim b within a. */
function claimOf(key: string): Attribute | undefined {
  const [, keys] = /^request\.auth\.claims((?:\[[^[\]]+\])+)$/.exec(key) ?? [];
  if (keys === undefined) return undefined;
  return { attribute: PolicyAttribute.CLAIM, name: keys.slice(1, -1).split(']['), read: pattern };
}

/** `*` any value, `*x` a suffix, `x*` a prefix, else the text itself. A wildcard anywhere else would never mean what its author meant. */
function pattern(text: string): PatternInit | undefined {
  if (text === '*') return { kind: { case: 'present', value: true } };
  const wildcards = text.split('*').length - 1;
  if (wildcards === 0) return exactly(text);
  if (wildcards > 1) return undefined;
  if (text.startsWith('*')) return { kind: { case: 'suffix', value: text.slice(1) } };
  return text.endsWith('*') ? { kind: { case: 'prefix', value: text.slice(0, -1) } } : undefined;
}

function path(text: string): PatternInit | undefined {
  if (!isPathTemplate(text)) return pattern(text);
  return templateProblem(text) === undefined ? { kind: { case: 'pathTemplate', value: text } } : undefined;
}

// Principals are compared without the scheme; with it a policy could only mean the same identity.
function principal(text: string): PatternInit | undefined {
  return pattern(text.startsWith('spiffe://') ? text.slice('spiffe://'.length) : text);
}

/** `account` is one of the policy's own namespace. */
function account(text: string, namespace: string): PatternInit | undefined {
  if (text.includes('*')) return undefined;
  return exactly(text.includes('/') ? text : `${namespace}/${text}`);
}

function block(text: string): PatternInit | undefined {
  return parseCidr(text) === undefined ? undefined : exactly(text);
}

function exactly(value: string): PatternInit {
  return { kind: { case: 'exact', value } };
}
