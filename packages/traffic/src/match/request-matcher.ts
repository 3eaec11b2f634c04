import type { HttpMatch, NamedMatch, StringMatch } from '../model/served-service.ts';
import type { RequestFacts } from '../request/request-facts.ts';
import { escapeBeyondAscii } from './octets.ts';
import { SourceMatcher } from './source-matcher.ts';
import { StringMatcher } from './string-matcher.ts';

interface NamedMatcher {
  readonly name: string;
  readonly value: StringMatcher;
}

/** All conditions of one match of a route, made ready; cheap ones are asked first. */
export class RequestMatcher {
  /** What is asked of the client, which `matches` does not look at: it is asked once per connection (`routesOf`). */
  readonly source: SourceMatcher | undefined;
  readonly #path: StringMatcher | undefined;
  readonly #method: StringMatcher | undefined;
  readonly #scheme: StringMatcher | undefined;
  readonly #authority: StringMatcher | undefined;
  readonly #headers: readonly NamedMatcher[];
  readonly #withoutHeaders: readonly NamedMatcher[];
  readonly #queryParameters: readonly NamedMatcher[];

  constructor(match: HttpMatch) {
    this.source = match.source === null ? undefined : new SourceMatcher(match.source);
    this.#path = matcherOf(match.path === null ? null : escaped(match.path));
    this.#method = matcherOf(match.method);
    this.#scheme = matcherOf(match.scheme);
    this.#authority = matcherOf(match.authority === null ? null : withoutCase(match.authority));
    this.#headers = match.headers.map(headerMatcher);
    this.#withoutHeaders = match.withoutHeaders.map(headerMatcher);
    this.#queryParameters = match.queryParameters.map(namedMatcher);
  }

  /** Of no use once `facts.tooCostly`. */
  matches(facts: RequestFacts): boolean {
    const path = this.#path;
    if (path !== undefined && !path.matches(path.foldsCase ? facts.lowerPath : facts.path, facts)) return false;
    if (this.#method !== undefined && !this.#method.matchesAnyCase(facts.method, facts)) return false;
    const authority = this.#authority;
    if (
      authority !== undefined &&
      !authority.matches(authority.foldsCase ? facts.lowerAuthority : facts.authority, facts)
    ) {
      return false;
    }
    if (this.#scheme !== undefined && !this.#scheme.matchesAnyCase(facts.scheme, facts)) return false;
    for (const { name, value } of this.#headers) if (!hasValue(facts.header(name), value, facts)) return false;
    for (const { name, value } of this.#withoutHeaders) if (hasValue(facts.header(name), value, facts)) return false;
    for (const { name, value } of this.#queryParameters)
      if (!hasValue(facts.queryParameter(name), value, facts)) return false;
    return true;
  }
}

function hasValue(value: string | undefined, matcher: StringMatcher, facts: RequestFacts): boolean {
  return value !== undefined && matcher.matchesAnyCase(value, facts);
}

function matcherOf(match: StringMatch | null): StringMatcher | undefined {
  return match === null ? undefined : new StringMatcher(match);
}

function namedMatcher({ name, value }: NamedMatch): NamedMatcher {
  return { name, value: new StringMatcher(value) };
}

/** `host` is carried as `:authority` (the codecs see to it). */
function headerMatcher(match: NamedMatch): NamedMatcher {
  return namedMatcher(match.name === 'host' ? { ...match, name: ':authority' } : match);
}

/** Octets outside ASCII are escaped in the paths that are judged, so they must be in what those are compared with. */
function escaped(match: StringMatch): StringMatch {
  return match.kind === 'regex' ? match : { ...match, text: escapeBeyondAscii(match.text) };
}

/** Hosts are compared without regard to case (RFC 9110 4.2.3); an expression says itself what it wants. */
function withoutCase(match: StringMatch): StringMatch {
  return match.kind === 'regex' || match.kind === 'present' ? match : { ...match, ignoreCase: true };
}
