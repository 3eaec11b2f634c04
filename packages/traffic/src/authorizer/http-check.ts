import { toOctets } from '../match/octets.ts';
import type { HttpAuthorizer } from '../model/authorizer.ts';
import type { AuthorizerAnswer, Question } from './compiled-authorizer.ts';
import { type CheckResult, denial, failed } from './check-result.ts';
import { type CheckedContent, type CheckedRequest, eachField, PARTIAL_BODY } from './checked-request.ts';
import { FieldChangesReader, mayChange } from './field-changes.ts';
import { type NameTest, nameTest } from './header-patterns.ts';

/** Of a denial, beside those that are named (Istio, headersToDownstreamOnDeny). */
const ALWAYS_ON_DENY: ReadonlySet<string> = new Set(['content-type', 'location', 'www-authenticate']);

/** Names of fields of the request that an authorizer takes away (Envoy). */
const REMOVED_FIELDS = 'x-envoy-auth-headers-to-remove';

const NO_CONTENT = Buffer.alloc(0);

/** Asks by the request itself, as Envoy's http_service does. */
export class HttpCheck {
  readonly #pathPrefix: string;
  readonly #shown: NameTest;
  readonly #added: readonly string[];
  readonly #addedNames: ReadonlySet<string>;
  readonly #toUpstream: NameTest;
  readonly #onDeny: NameTest;
  readonly #onAllow: NameTest;

  constructor(model: HttpAuthorizer) {
    this.#pathPrefix = model.pathPrefix;
    this.#shown = nameTest(model.requestHeaders);
    this.#added = model.addedHeaders.flatMap(({ name, value }) => [name, toOctets(value)]);
    this.#addedNames = new Set(model.addedHeaders.map(({ name }) => name));
    this.#toUpstream = nameTest(model.upstreamHeadersOnAllow);
    const onDeny = nameTest(model.clientHeadersOnDeny);
    this.#onDeny =
      model.clientHeadersOnDeny.length === 0 ? () => true : (name) => ALWAYS_ON_DENY.has(name) || onDeny(name);
    this.#onAllow = nameTest(model.clientHeadersOnAllow);
  }

  question(request: CheckedRequest, content: CheckedContent | undefined): Question {
    const { method, scheme, authority, forwardedPath } = request.facts;
    const path = forwardedPath === '*' ? forwardedPath : this.#pathPrefix + forwardedPath;
    const head = [':method', method, ':scheme', scheme, ':authority', authority, ':path', path];
    eachField(request, (name, value) => {
      if (this.#addedNames.has(name) || !(name === 'authorization' || this.#shown(name))) return;
      if (mayChange(name) || name === 'x-forwarded-for') head.push(name, value);
    });
    for (const text of this.#added) head.push(text);
    const bytes = content?.bytes ?? NO_CONTENT;
    head.push('content-length', String(bytes.length));
    if (content !== undefined) head.push(PARTIAL_BODY, String(content.partial));
    return { head, body: bytes };
  }

  read({ head, body }: AuthorizerAnswer): CheckResult {
    const status = Number(head[1]);
    if (status >= 500) return failed(`it answered ${status}`);
    return status === 200 ? this.#allowed(head) : this.#denied(status, head, body);
  }

  #allowed(head: readonly string[]): CheckResult {
    const [request, response] = [new FieldChangesReader(), new FieldChangesReader()];
    for (let at = 2; at + 1 < head.length; at += 2) {
      const [name = '', value = ''] = [head[at], head[at + 1]];
      if (name === REMOVED_FIELDS) {
        for (const removed of value.split(',')) if (removed.trim() !== '') request.remove(removed.trim());
        continue;
      }
      if (this.#toUpstream(name)) request.put('set', name, value);
      if (this.#onAllow(name)) response.put('add', name, value);
    }
    const problem = request.problem ?? response.problem;
    if (problem !== undefined) return failed(problem);
    return { kind: 'allowed', request: request.changes, response: response.changes };
  }

  #denied(status: number, head: readonly string[], body: Buffer): CheckResult {
    const fields: string[] = [];
    for (let at = 2; at + 1 < head.length; at += 2) {
      const [name = '', value = ''] = [head[at], head[at + 1]];
      if (mayChange(name) && this.#onDeny(name)) fields.push(name, value);
    }
    return denial(status, fields, body);
  }
}
