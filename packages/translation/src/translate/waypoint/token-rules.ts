import { create } from '@bufbuild/protobuf';
import { type TokenRule as TokenRuleMessage, TokenRuleSchema } from '@ambit/proto/waypoint';
import { Problems } from '@ambit/traffic/model/problems';
import { readTokenRules } from '@ambit/traffic/model/read-token-rules';
import { type JwtRule, objectName, type RequestAuthentication } from '../../objects.ts';
import { istioDurationMs } from '../../schema/durations.ts';

/** What a RequestAuthentication means for waypoints. */
export interface TokenPolicy {
  /** In the order in which they are written; empty with an obstacle. */
  readonly rules: readonly TokenRuleMessage[];
  /** Why no waypoint can go by it: the field, and what is wrong with it. */
  readonly obstacle: string | undefined;
}

const DEFAULT_FETCH_TIMEOUT_MS = 5_000;

/** As Envoy has it where a rule names no place. */
const DEFAULT_PLACES = {
  headers: [{ name: 'authorization', prefix: 'Bearer ' }],
  parameters: ['access_token'],
  cookies: [],
};

export function convertTokenRules(policy: RequestAuthentication): TokenPolicy {
  const rules = (policy.spec.jwtRules ?? []).map((rule) => convertRule(rule, objectName(policy.metadata)));
  const problems = new Problems();
  readTokenRules(rules, 'spec.jwtRules', problems);
  const [problem] = problems.list;
  return problem === undefined ? { rules, obstacle: undefined } : { rules: [], obstacle: asWritten(problem) };
}

function convertRule(rule: JwtRule, policy: string): TokenRuleMessage {
  const { fromHeaders = [], fromParams = [], fromCookies = [], timeout } = rule;
  const isSomewhere = fromHeaders.length + fromParams.length + fromCookies.length > 0;
  const places = {
    headers: fromHeaders.map(({ name, prefix = '' }) => ({ name: name.toLowerCase(), prefix })),
    parameters: [...fromParams],
    cookies: [...fromCookies],
  };
  return create(TokenRuleSchema, {
    policy,
    issuer: rule.issuer ?? '',
    audiences: [...(rule.audiences ?? [])],
    keys: keysOf(rule),
    fetchTimeoutMs: timeout === undefined ? DEFAULT_FETCH_TIMEOUT_MS : (istioDurationMs(timeout) ?? 0),
    ...(isSomewhere ? places : DEFAULT_PLACES),
    forwardToken: rule.forwardOriginalToken ?? false,
    payloadHeader: (rule.outputPayloadToHeader ?? '').toLowerCase(),
    claimHeaders: (rule.outputClaimToHeaders ?? []).map(({ header, claim }) => ({
      header: header.toLowerCase(),
      claim,
    })),
    spaceDelimitedClaims: [...(rule.spaceDelimitedClaims ?? [])],
  });
}

function keysOf({ jwks = '', jwksUri, jwks_uri: older, issuer }: JwtRule): TokenRuleMessage['keys'] {
  if (jwks !== '') return { case: 'jwks', value: jwks };
  const uri = jwksUri ?? older;
  if (uri !== undefined) return { case: 'jwksUri', value: uri };
  return issuer === undefined ? { case: undefined } : { case: 'discovery', value: true };
}

const FIELDS: ReadonlyMap<string, string> = new Map([
  ['jwks_uri', 'jwksUri'],
  ['fetch_timeout_ms', 'timeout'],
  ['headers', 'fromHeaders'],
  ['parameters', 'fromParams'],
  ['cookies', 'fromCookies'],
  ['payload_header', 'outputPayloadToHeader'],
  ['claim_headers', 'outputClaimToHeaders'],
]);

/** A problem by the names that the object has for its fields. */
function asWritten(problem: string): string {
  if (problem.includes('].keys: '))
    return problem.replace(/\.keys: .*$/, ' has neither jwks nor jwksUri, and no issuer to ask');
  return problem.replace(
    /^(spec\.jwtRules\[\d+\]\.)(\w+)/,
    (_, place: string, field: string) => place + (FIELDS.get(field) ?? field),
  );
}
