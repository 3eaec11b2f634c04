import { type LocalAnswer, localAnswer, refusedRewriteAnswer } from '../local-answer.ts';
import type { Redirect } from '../model/route-filters.ts';
import type { RequestFacts } from '../request/request-facts.ts';
import { hostOf, portAt } from '../request/authority.ts';
import { CompiledPathRewrite } from './path-rewrite.ts';

/** Octets that would end a URI for some reader. What else it should not have (RFC 3986 2) goes back as the client sent it. */
const ENDS_URI = /[^!-~]/g;

/** A redirect, made ready. */
export class CompiledRedirect {
  readonly #redirect: Redirect;
  readonly #path: CompiledPathRewrite | undefined;

  constructor(redirect: Redirect) {
    this.#redirect = redirect;
    this.#path = redirect.path === null ? undefined : new CompiledPathRewrite(redirect.path);
  }

  /** The answer for a request. */
  answer(facts: RequestFacts): LocalAnswer {
    const { status, scheme: asked, hostname } = this.#redirect;
    const path = this.#path?.rewrite(facts.path) ?? facts;
    if ('refusal' in path) return refusedRewriteAnswer(path.refusal);
    const scheme = asked.length > 0 ? asked : facts.scheme;
    const host = hostname.length > 0 ? hostname : hostOf(facts.authority);
    const query = facts.query === undefined ? '' : `?${facts.query}`;
    // OPTIONS of the server as a whole asks for no path.
    const target = (path.path === '*' ? '' : path.path) + query;
    const location = `${scheme}://${host}${this.#port(scheme, facts)}${target.replace(ENDS_URI, escape)}`;
    return { ...localAnswer(status, '-', 'direct_response', ''), fields: ['location', location] };
  }

  /** With its colon; empty when none is written. */
  #port(scheme: string, sent: RequestFacts): string {
    const { port } = this.#redirect;
    if (port === 'implied-by-scheme') return '';
    const at = portAt(sent.authority);
    const asked = at === 0 ? '' : sent.authority.slice(at);
    // The port that went without saying with one scheme means nothing to another (as in Envoy).
    const asRequested = asked === impliedPort(sent.scheme) ? '' : asked;
    const written = port === 'as-requested' ? asRequested : String(port);
    return written.length === 0 || written === impliedPort(scheme) ? '' : `:${written}`;
  }
}

/** RFC 9110 4.2. */
function impliedPort(scheme: string): string {
  switch (scheme) {
    case 'http':
      return '80';
    case 'https':
      return '443';
    default:
      return '';
  }
}

function escape(octet: string): string {
  return `%${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}
