import { toOctets } from '../match/octets.ts';
import { MAX_CLAIM_HEADER_BYTES, TOKEN_CLOCK_SKEW_SECONDS } from '../limits.ts';
import { headerValueProblem } from '../filters/changed-header.ts';
import { keySourceName, type TokenRule } from '../model/token-rule.ts';
import type { ParsedToken } from './parse-token.ts';
import type { TokenFault } from './token-fault.ts';
import { VerifiedToken } from './verified-token.ts';

/** What a rule makes of a good token. */
interface ReadToken {
  readonly verified: VerifiedToken;
  readonly headers: readonly string[];
}

/** A rule for tokens made ready. */
export class CompiledTokenRule {
  readonly model: TokenRule;
  /** Of its keys, see `keySourceName`. */
  readonly source: string;
  readonly #audiences: ReadonlySet<string>;
  /** Whether tokens are for one of the audiences; and what was made of good ones. Neither changes while they are remembered. */
  readonly #isForUs = new WeakMap<ParsedToken, boolean>();
  readonly #read = new WeakMap<ParsedToken, ReadToken>();

  constructor(model: TokenRule) {
    this.model = model;
    this.source = keySourceName(model.keys);
    this.#audiences = new Set(model.audiences.map(withoutScheme));
  }

  accepts(issuer: string | undefined): boolean {
    return this.model.issuer === '' || this.model.issuer === issuer;
  }

  /** What is wrong with what a token of the issuer claims; `now` in seconds since the epoch. As in Envoy, but for a time of issue that is yet to come. */
  faultOf(token: ParsedToken, now: number): TokenFault | undefined {
    const { expires, notBefore, issuedAt } = token;
    const latest = now + TOKEN_CLOCK_SKEW_SECONDS;
    if ((notBefore ?? 0) > latest || (issuedAt ?? 0) > latest) return 'notYet';
    if (expires !== undefined && now > expires + TOKEN_CLOCK_SKEW_SECONDS) return 'expired';
    return this.#audiences.size === 0 || this.#hasAudience(token) ? undefined : 'audience';
  }

  /** The same each time. */
  verified(token: ParsedToken): VerifiedToken {
    return this.#of(token).verified;
  }

  /** What backends get of a token, name, value, name, value… */
  headersOf(token: ParsedToken): readonly string[] {
    return this.#of(token).headers;
  }

  #hasAudience(token: ParsedToken): boolean {
    let isForUs = this.#isForUs.get(token);
    if (isForUs === undefined) {
      isForUs = token.audiences.some((audience) => this.#audiences.has(withoutScheme(audience)));
      this.#isForUs.set(token, isForUs);
    }
    return isForUs;
  }

  #of(token: ParsedToken): ReadToken {
    let read = this.#read.get(token);
    if (read === undefined) {
      const verified = new VerifiedToken(token.claims, this.model.spaceDelimitedClaims);
      read = { verified, headers: this.#headersOf(verified, token.payload) };
      this.#read.set(token, read);
    }
    return read;
  }

  #headersOf(token: VerifiedToken, payload: string): string[] {
    const { payloadHeader, claimHeaders } = this.model;
    const headers = payloadHeader === '' ? [] : [payloadHeader, payload];
    for (const { header, claim } of claimHeaders) {
      const text = headerText(token.claim([claim]) ?? token.claim(claim.split('.')));
      if (text !== undefined) headers.push(header, text);
    }
    return headers;
  }
}

/** Texts, numbers and truths as they are, all else as JSON in base64, as in Envoy. Undefined: there is nothing, or it cannot stand in a header. */
function headerText(claim: unknown): string | undefined {
  const text = plainText(claim);
  if (text === undefined || text.length > MAX_CLAIM_HEADER_BYTES) return undefined;
  return headerValueProblem(text) === undefined ? text : undefined;
}

function plainText(claim: unknown): string | undefined {
  if (typeof claim === 'string') return toOctets(claim);
  if (typeof claim === 'number' || typeof claim === 'boolean') return String(claim);
  return claim === undefined || claim === null ? undefined : Buffer.from(JSON.stringify(claim)).toString('base64');
}

/** Audiences are compared without scheme and without a slash at the end, as in Envoy. */
function withoutScheme(audience: string): string {
  const bare = audience.replace(/^https?:\/\//, '');
  return bare.endsWith('/') ? bare.slice(0, -1) : bare;
}
