import { escapeBeyondAscii, toOctets } from '../match/octets.ts';
import type { PolicyCondition, RequestAttribute, ValuePattern } from '../model/authorization-policy.ts';
import { isIdentityField } from '../request/identity-fields.ts';
import { portAt, withoutFinalDot } from '../request/authority.ts';
import type { RequestFacts } from '../request/request-facts.ts';
import type { VerifiedToken } from '../token/verified-token.ts';
import { ValueMatcher } from './value-matcher.ts';

/** Whether a request has an attribute with one of the values. */
export type RequestTest = (facts: RequestFacts) => boolean;

/**
 * `each`: of a header that occurs several times, each value counts, not only all of them joined. Asked for where a match makes the
 * policy stricter, so that nobody passes by with a second field of the name.
 */
export function requestTest(
  attribute: RequestAttribute,
  { name, values }: Pick<PolicyCondition, 'name' | 'values'>,
  each: boolean,
): RequestTest {
  switch (attribute) {
    case 'host':
      return hostTest(values);
    case 'method': {
      const matcher = new ValueMatcher(values.map(octets));
      return ({ method }) => matcher.matches(method);
    }
    case 'path': {
      // Octets outside ASCII are escaped in the paths that are judged.
      const matcher = new ValueMatcher(values.map(({ kind, text }) => ({ kind, text: escapeBeyondAscii(text) })));
      return ({ path }) => matcher.matches(path);
    }
    case 'header':
      return headerTest(name[0] ?? '', new ValueMatcher(values.map(octets)), each);
    case 'request-principal': {
      const matcher = new ValueMatcher(values);
      return ({ token }) => token?.principal !== undefined && matcher.matches(token.principal);
    }
    case 'presenter': {
      const matcher = new ValueMatcher(values);
      return ({ token }) => token?.presenter !== undefined && matcher.matches(token.presenter);
    }
    case 'audience':
      return anyText(values, (token) => token.audiences);
    case 'claim':
      return anyText(values, (token) => token.claimTexts(name));
  }
}

function anyText(values: readonly ValuePattern[], textsOf: (token: VerifiedToken) => readonly string[]): RequestTest {
  const matcher = new ValueMatcher(values);
  return ({ token }) => token !== undefined && textsOf(token).some((text) => matcher.matches(text));
}

function headerTest(name: string, matcher: ValueMatcher, each: boolean): RequestTest {
  // What only proxies may say is taken out of requests: nobody behind gets it from a client.
  if (isIdentityField(name)) return () => false;
  const field = name === 'host' ? ':authority' : name;
  return (facts) => {
    const value = facts.header(field);
    if (value === undefined) return false;
    return matcher.matches(value) || (each && facts.someValue(field, (one) => matcher.matches(one)));
  };
}

/** Names without regard to case (RFC 9110 4.2.3) and to the dot at their end; with the port only when the pattern has one. */
function hostTest(values: readonly ValuePattern[]): RequestTest {
  const patterns = values.map(({ kind, text }): ValuePattern => {
    const lower = toOctets(text).toLowerCase();
    return { kind, text: kind === 'exact' || kind === 'suffix' ? withoutFinalDot(lower) : lower };
  });
  const hosts = new ValueMatcher(patterns.filter((pattern) => !hasPort(pattern)));
  const authorities = patterns.filter(hasPort);
  if (authorities.length === 0) return ({ judgedHost }) => hosts.matches(judgedHost);
  const whole = new ValueMatcher(authorities);
  return ({ judgedHost, judgedAuthority }) => hosts.matches(judgedHost) || whole.matches(judgedAuthority);
}

function hasPort({ text }: ValuePattern): boolean {
  return text.startsWith(':') || portAt(text) > 0;
}

function octets({ kind, text }: ValuePattern): ValuePattern {
  return { kind, text: toOctets(text) };
}
