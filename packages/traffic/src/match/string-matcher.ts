import type { RE2JS } from 're2js';
import type { StringMatch } from '../model/served-service.ts';
import type { RequestFacts } from '../request/request-facts.ts';
import { fromOctets, toOctets } from './octets.ts';
import { re2 } from './re2.ts';

const SLASH = 0x2f;

/** One comparison, made ready. One class for all kinds, so that callers stay monomorphic. */
export class StringMatcher {
  readonly kind: StringMatch['kind'];
  /** In lower case when `foldsCase`. */
  readonly #text: string;
  /** True when `matches` must be given the value in lower case. */
  readonly foldsCase: boolean;
  readonly #regex: RE2JS | undefined;
  /** Steps for each octet of a value. */
  readonly #instructions: number;

  constructor({ kind, text, ignoreCase }: StringMatch) {
    const octets = toOctets(text);
    this.kind = kind;
    this.foldsCase = ignoreCase;
    this.#text = ignoreCase ? octets.toLowerCase() : octets;
    this.#regex = kind === 'regex' ? re2().compile(text) : undefined;
    this.#instructions = this.#regex?.programSize() ?? 0;
  }

  /**
   * Whether `value` of the request matches; it must be in lower case when `foldsCase`. An expression that would cost more than
   * the request may is not asked, and the answer is of no use: `facts.tooCostly`.
   */
  matches(value: string, facts: RequestFacts): boolean {
    const text = this.#text;
    switch (this.kind) {
      case 'exact':
        return value === text;
      case 'prefix':
        return value.startsWith(text);
      case 'path-prefix':
        return value.startsWith(text) && (value.length === text.length || value.charCodeAt(text.length) === SLASH);
      case 'regex':
        if (!facts.spend(value.length * this.#instructions)) return false;
        // Not `testExact`: its tables of states cost ten times as much when input makes them grow, and 8 MiB for each expression.
        return this.#regex?.matcher(fromOctets(value)).matches() === true;
      case 'present':
        return true;
    }
  }

  /** The same for a value as it was sent. */
  matchesAnyCase(value: string, facts: RequestFacts): boolean {
    return this.matches(this.foldsCase ? value.toLowerCase() : value, facts);
  }
}
