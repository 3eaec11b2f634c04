import { MAX_TOKENS_PER_REQUEST } from '../limits.ts';
import type { TokenRule } from '../model/token-rule.ts';
import type { FieldList } from '../request/field-list.ts';
import type { RequestFacts } from '../request/request-facts.ts';
import { CompiledTokenRule } from './compiled-token-rule.ts';
import type { ParsedToken } from './parse-token.ts';
import type { TokenFault } from './token-fault.ts';
import {
  type FoundToken,
  placesOf,
  tokenAt,
  type TokenPlace,
  withoutCookies,
  withoutParameters,
} from './token-places.ts';
import type { VerifiedToken } from './verified-token.ts';

/** `no-key`: none that fits, and newer keys may have one. */
export type SignatureVerdict = 'bad' | 'good' | 'no-key' | 'no-keys';

/** What looks at tokens; with keys, a clock, and what it remembers. */
export interface TokenVerifier {
  /** Seconds since the epoch. */
  now(): number;
  parse(text: string): ParsedToken | TokenFault;
  /** `source` as in `CompiledTokenRule`. */
  verify(source: string, token: ParsedToken): SignatureVerdict;
}

/** What becomes of a request. */
export type Authentication =
  | {
      readonly kind: 'passed';
      /** Undefined: it came without any. */
      readonly token: VerifiedToken | undefined;
      /** Of the request from now on; the same when nothing of it had to be changed. */
      readonly fields: FieldList;
    }
  | { readonly kind: 'refused'; readonly fault: TokenFault; readonly sources: readonly string[] };

interface GoodToken extends FoundToken {
  readonly rule: CompiledTokenRule;
  readonly parsed: ParsedToken;
}

/**
 * The rules for tokens of one service made ready. Every token that a request carries must be good by one of the rules that
 * look for it where it is, so that no backend finds one that nobody has verified.
 */
export class CompiledAuthentication {
  readonly rules: readonly CompiledTokenRule[];
  readonly #places: readonly TokenPlace[];
  /** Headers that only verified tokens may fill, with hyphens. */
  readonly #ownHeaders: ReadonlySet<string>;
  /** Headers that carry tokens, with hyphens. */
  readonly #tokenHeaders: ReadonlySet<string>;
  readonly #parameters: ReadonlySet<string>;
  readonly #cookies: ReadonlySet<string>;

  constructor(rules: readonly TokenRule[]) {
    this.rules = rules.map((rule) => new CompiledTokenRule(rule));
    this.#places = placesOf(this.rules);
    this.#ownHeaders = new Set(
      rules.flatMap(({ payloadHeader, claimHeaders }) =>
        [payloadHeader, ...claimHeaders.map(({ header }) => header)].filter((name) => name !== '').map(hyphenated),
      ),
    );
    this.#tokenHeaders = new Set(rules.flatMap(({ headers }) => headers.map(({ name }) => hyphenated(name))));
    this.#parameters = new Set(rules.flatMap(({ parameters }) => parameters));
    this.#cookies = new Set(rules.flatMap(({ cookies }) => cookies));
  }

  /** A target as it may be written down: without tokens. */
  withoutTokens(target: string): string {
    return withoutParameters(target, this.#parameters);
  }

  /** The same of fields: nothing is left where tokens may be, or where claims belong that `fields` do not bring from a token. */
  writable(fields: FieldList, isVerified: boolean): FieldList {
    const left: string[] = [];
    for (let at = 0; at + 1 < fields.length; at += 2) {
      const name = fields[at] ?? '';
      const value = this.#valueFor(name, fields[at + 1] ?? '', this.#parameters, this.#cookies);
      const isHidden = this.#isTokenHeader(name) || (!isVerified && this.#isForged(name));
      if (value !== undefined && !isHidden) left.push(name, value);
    }
    return left;
  }

  /** `sources` of a refusal: where newer keys could change it. */
  judge(facts: RequestFacts, verifier: TokenVerifier): Authentication {
    const found: FoundToken[] = [];
    for (const place of this.#places) {
      const token = tokenAt(place, facts);
      if (typeof token === 'string') return refused(token);
      if (token !== undefined) found.push(token);
    }
    if (found.length > MAX_TOKENS_PER_REQUEST) return refused('several');
    const good: GoodToken[] = [];
    for (const token of found) {
      const verdict = verify(token, verifier);
      if ('fault' in verdict) return { kind: 'refused', ...verdict };
      good.push(verdict);
    }
    const first = firstByRule(good, this.rules);
    const verified = first?.rule.verified(first.parsed);
    return { kind: 'passed', token: verified, fields: this.#fieldsFor(facts.fields, good) };
  }

  /** Without tokens that were for the waypoint alone, without what clients put where claims belong, with what backends are to get. */
  #fieldsFor(fields: FieldList, good: readonly GoodToken[]): FieldList {
    const added = good.flatMap(({ rule, parsed }) => rule.headersOf(parsed));
    const taken = good.filter(({ rule }) => !rule.model.forwardToken).map(({ place }) => place);
    const headers = namesOf(taken, 'header');
    const [parameters, cookies] = [namesOf(taken, 'parameter'), namesOf(taken, 'cookie')];
    const left: string[] = [];
    for (let at = 0; at + 1 < fields.length; at += 2) {
      const name = fields[at] ?? '';
      const value = this.#valueFor(name, fields[at + 1] ?? '', parameters, cookies);
      if (value === undefined || headers.has(name) || this.#isForged(name)) continue;
      left.push(name, value);
    }
    return left.length === fields.length && added.length === 0 && taken.length === 0 ? fields : [...left, ...added];
  }

  #valueFor(
    name: string,
    value: string,
    parameters: ReadonlySet<string>,
    cookies: ReadonlySet<string>,
  ): string | undefined {
    if (name === ':path') return withoutParameters(value, parameters);
    if (name !== 'cookie' || cookies.size === 0) return value;
    const left = withoutCookies(value, cookies);
    return left.length === 0 ? undefined : left;
  }

  /** Many applications take an underscore for a hyphen. What nobody looks at under its other name must not be found there. */
  #isForged(name: string): boolean {
    if (name.startsWith(':')) return false;
    const other = hyphenated(name);
    return this.#ownHeaders.has(other) || (this.#tokenHeaders.has(other) && !this.#isTokenHeader(name));
  }

  #isTokenHeader(name: string): boolean {
    return this.#places.some((place) => place.kind === 'header' && place.name === name);
  }
}

/** Undefined without rules: nobody looks at tokens then. */
export function compileAuthentication(rules: readonly TokenRule[]): CompiledAuthentication | undefined {
  return rules.length === 0 ? undefined : new CompiledAuthentication(rules);
}

function verify(
  { place, text }: FoundToken,
  verifier: TokenVerifier,
): GoodToken | { readonly fault: TokenFault; readonly sources: readonly string[] } {
  const parsed = verifier.parse(text);
  if (typeof parsed === 'string') return { fault: parsed, sources: [] };
  let fault: TokenFault = 'issuer';
  const sources: string[] = [];
  for (const rule of place.rules) {
    if (!rule.accepts(parsed.issuer)) continue;
    const claimed = rule.faultOf(parsed, verifier.now());
    if (claimed !== undefined) {
      fault = claimed;
      continue;
    }
    const verdict = verifier.verify(rule.source, parsed);
    if (verdict === 'good') return { place, text, rule, parsed };
    fault = SIGNATURE_FAULTS[verdict];
    // A key without name may have been replaced by another one.
    if (verdict !== 'bad' || parsed.keyId === undefined) sources.push(rule.source);
  }
  return { fault, sources };
}

const SIGNATURE_FAULTS = { bad: 'signature', 'no-key': 'noKey', 'no-keys': 'noKeys' } as const satisfies Record<
  Exclude<SignatureVerdict, 'good'>,
  TokenFault
>;

function firstByRule(good: readonly GoodToken[], rules: readonly CompiledTokenRule[]): GoodToken | undefined {
  if (good.length < 2) return good[0];
  return [...good].sort((a, b) => rules.indexOf(a.rule) - rules.indexOf(b.rule))[0];
}

function refused(fault: TokenFault): Authentication {
  return { kind: 'refused', fault, sources: [] };
}

function namesOf(places: readonly TokenPlace[], kind: TokenPlace['kind']): ReadonlySet<string> {
  let names: Set<string> | undefined;
  for (const place of places) if (place.kind === kind) (names ??= new Set()).add(place.name);
  return names ?? NO_NAMES;
}

const NO_NAMES: ReadonlySet<string> = new Set();

function hyphenated(name: string): string {
  return name.includes('_') ? name.replaceAll('_', '-') : name;
}
