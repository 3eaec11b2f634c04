import type { RE2JS } from 're2js';
import type { StringMatch } from '../model/served-service.ts';
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

  constructor({ kind, text, ignoreCase }: StringMatch) {
    const octets = toOctets(text);
    this.kind = kind;
    this.foldsCase = ignoreCase;
    this.#text = ignoreCase ? octets.toLowerCase() : octets;
    this.#regex = kind === 'regex' ? re2().compile(text) : undefined;
  }

  /** Whether `value` matches; it must be in lower case when `foldsCase`. */
  matches(value: string): boolean {
    const text = this.#text;
    switch (this.kind) {
      case 'exact':
        return value === text;
      case 'prefix':
        return value.startsWith(text);
      case 'path-prefix':
        return value.startsWith(text) && (value.length === text.length || value.charCodeAt(text.length) === SLASH);
      case 'regex':
        return this.#regex?.testExact(fromOctets(value)) === true;
      case 'present':
        return true;
    }
  }

  /** The same for a value as it was sent. */
  matchesAnyCase(value: string): boolean {
    return this.matches(this.foldsCase ? value.toLowerCase() : value);
  }
}
