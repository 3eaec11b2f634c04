import { MAX_MATCH_STEPS } from '../limits.ts';
import { portAt, withoutFinalDot } from './authority.ts';
import { type FieldList, fieldValue } from './field-list.ts';
import { isPlainFor, normalizePath, type PathNormalization, type PathRefusal } from './path.ts';
import type { VerifiedToken } from '../token/verified-token.ts';
import { parseQuery } from './query.ts';

/**
 * What is asked of a request to route it. Made once per request by `RequestFacts.read`; path and forwarded target are the
 * same text, so that a backend receives what was judged.
 */
export class RequestFacts {
  readonly fields: FieldList;
  readonly method: string;
  readonly scheme: string;
  /** As the client sent it, with its port if there was one; what it dialled when it sent none. */
  readonly authority: string;
  /** Normalised, without query and fragment. `*` for OPTIONS of the server as a whole. */
  readonly path: string;
  /** Behind `?`, as it was sent; undefined without `?`. */
  readonly query: string | undefined;
  /** The `:path` to send on: the normalised path with the query; a fragment is left out. */
  readonly forwardedPath: string;
  /** What the request was sent with and was found good; undefined: no token, or nobody has looked. */
  token: VerifiedToken | undefined;
  #lowerPath: string | undefined;
  #lowerAuthority: string | undefined;
  #judgedHost: string | undefined;
  #parameters: readonly string[] | undefined;
  /** What expressions may still cost; below 0 once one would have cost more. */
  #matchSteps: number;

  private constructor(
    fields: FieldList,
    method: string,
    scheme: string,
    authority: string,
    path: string,
    query: string | undefined,
    forwardedPath: string,
  ) {
    this.fields = fields;
    this.method = method;
    this.scheme = scheme;
    this.authority = authority;
    this.path = path;
    this.query = query;
    this.forwardedPath = forwardedPath;
    this.token = undefined;
    this.#lowerPath = undefined;
    this.#lowerAuthority = undefined;
    this.#judgedHost = undefined;
    this.#parameters = undefined;
    this.#matchSteps = MAX_MATCH_STEPS;
  }

  /**
   * The facts of a request's head, or why its path cannot be judged (then it must be answered with 400). `dialled`: the authority of
   * a request that brings none (HTTP/1.0).
   */
  static read(fields: FieldList, dialled = '', how: PathNormalization = 'base'): PathRefusal | RequestFacts {
    let method = '';
    let scheme = '';
    let authority = '';
    let target = '';
    for (let at = 0; at + 1 < fields.length; at += 2) {
      const name = fields[at] ?? '';
      const value = fields[at + 1] ?? '';
      // Pseudo fields stand in front (RFC 9113 8.3).
      if (!name.startsWith(':')) break;
      if (name === ':method') method = value;
      else if (name === ':scheme') scheme = value;
      else if (name === ':authority') authority = value;
      else if (name === ':path') target = value;
    }
    if (authority.length === 0) authority = dialled;
    // A fragment has no place in a request (RFC 9112 3.2); Istio takes it away rather than refuse.
    const hash = target.indexOf('#');
    const sent = hash < 0 ? target : target.slice(0, hash);
    const question = sent.indexOf('?');
    const rawPath = question < 0 ? sent : sent.slice(0, question);
    const query = question < 0 ? undefined : sent.slice(question + 1);
    if (query !== undefined && !isVisible(query)) return 'path-bad-character';
    if (isPlainFor(rawPath, how) || (rawPath === '*' && method === 'OPTIONS')) {
      return new RequestFacts(fields, method, scheme, authority, rawPath, query, sent);
    }
    const normal = normalizePath(rawPath, how);
    if ('refusal' in normal) return normal.refusal;
    const forwarded = query === undefined ? normal.path : `${normal.path}?${query}`;
    return new RequestFacts(fields, method, scheme, authority, normal.path, query, forwarded);
  }

  /** The same request with other fields: pseudo fields must be the same. */
  withFields(fields: FieldList): RequestFacts {
    const { method, scheme, authority, path, query, forwardedPath } = this;
    const facts = new RequestFacts(fields, method, scheme, authority, path, query, forwardedPath);
    facts.token = this.token;
    facts.#matchSteps = this.#matchSteps;
    return facts;
  }

  get lowerPath(): string {
    this.#lowerPath ??= this.path.toLowerCase();
    return this.#lowerPath;
  }

  get lowerAuthority(): string {
    this.#lowerAuthority ??= this.authority.toLowerCase();
    return this.#lowerAuthority;
  }

  /** The host as policies compare it: in lower case, without port and without the dot at its end. */
  get judgedHost(): string {
    if (this.#judgedHost === undefined) {
      const authority = this.lowerAuthority;
      const at = portAt(authority);
      this.#judgedHost = withoutFinalDot(at === 0 ? authority : authority.slice(0, at - 1));
    }
    return this.#judgedHost;
  }

  /** The same with its port, if the request has one. */
  get judgedAuthority(): string {
    const at = portAt(this.lowerAuthority);
    return at === 0 ? this.judgedHost : this.judgedHost + this.lowerAuthority.slice(at - 1);
  }

  /** Whether a field of that name has a value for which `test` holds, taken one by one. */
  someValue(name: string, test: (value: string) => boolean): boolean {
    const { fields } = this;
    for (let at = 0; at + 1 < fields.length; at += 2) {
      if (fields[at] === name && test(fields[at + 1] ?? '')) return true;
    }
    return false;
  }

  /**
   * A field by its name in lower case, or a pseudo field; several of one name are joined (see `fieldValue`). `:path` is
   * the one that is sent on.
   */
  header(name: string): string | undefined {
    if (name === ':path') return this.forwardedPath;
    if (name === ':authority' && this.authority.length > 0) return this.authority;
    return fieldValue(this.fields, name);
  }

  /** An expression was not asked about the request, because it would have cost too much. */
  get tooCostly(): boolean {
    return this.#matchSteps < 0;
  }

  /** Whether an expression may cost that many octets times instructions; once one may not, none may (`MAX_MATCH_STEPS`). */
  spend(steps: number): boolean {
    if (this.#matchSteps >= 0) this.#matchSteps -= steps;
    return this.#matchSteps >= 0;
  }

  /** The first query parameter of that name, undecoded; undefined when there is none. */
  queryParameter(name: string): string | undefined {
    if (this.query === undefined) return undefined;
    this.#parameters ??= parseQuery(this.query);
    const parameters = this.#parameters;
    for (let at = 0; at + 1 < parameters.length; at += 2) {
      if (parameters[at] === name) return parameters[at + 1];
    }
    return undefined;
  }
}

function isVisible(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code <= 0x20 || code === 0x7f) return false;
  }
  return true;
}
