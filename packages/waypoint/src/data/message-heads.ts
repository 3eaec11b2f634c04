import type { FieldList } from '@ambit/http/h2/message-fields';
import { isIdentityField } from '@ambit/traffic/request/identity-fields';
import type { RequestFacts } from '@ambit/traffic/request/request-facts';

/** What the head of a request does not say by itself. */
export interface RequestHeadParts {
  readonly requestId: string;
  /** Stands in for the authority that HTTP/1.0 may leave out. */
  readonly clientAuthority: string;
  /** In place of the request's; undefined: as it was sent. */
  readonly authority: string | undefined;
  /** In place of the one that was judged, without the query; undefined: the same. */
  readonly path: string | undefined;
}

/**
 * The head of a request as an endpoint gets it: the path that was judged, or what the route makes of it, a request id, and
 * nothing that speaks of the client's identity, which only the proxies may say. What was rewritten is told as Envoy tells it.
 */
export function requestHead(facts: RequestFacts, parts: RequestHeadParts): string[] {
  const { fields } = facts;
  const sent = facts.authority.length > 0 ? facts.authority : parts.clientAuthority;
  const { authority, path } = parts;
  const head = [
    ':method',
    facts.method,
    ':scheme',
    facts.scheme,
    ':authority',
    authority ?? sent,
    ':path',
    path === undefined ? facts.forwardedPath : withQuery(path, facts.query),
  ];
  let forwardedProto = false;
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] ?? '';
    if (name.charCodeAt(0) === COLON || (name.charCodeAt(0) === LETTER_X && isOurs(name, authority, path))) continue;
    if (name === 'x-forwarded-proto') forwardedProto = true;
    head.push(name, fields[at + 1] ?? '');
  }
  head.push('x-request-id', parts.requestId);
  if (!forwardedProto) head.push('x-forwarded-proto', facts.scheme);
  if (authority !== undefined) head.push(ORIGINAL_HOST, sent);
  if (path !== undefined) head.push(ORIGINAL_PATH, facts.forwardedPath);
  return head;
}

function withQuery(path: string, query: string | undefined): string {
  return query === undefined ? path : `${path}?${query}`;
}

/** The head of a response as the client gets it; `milliseconds` since the request began. */
export function responseHead(fields: FieldList, milliseconds: number): string[] {
  const head: string[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] ?? '';
    if (name.charCodeAt(0) === LETTER_X && isOursInResponses(name)) continue;
    head.push(name, fields[at + 1] ?? '');
  }
  head.push('x-envoy-upstream-service-time', String(Math.round(milliseconds)));
  return head;
}

/** The head of an interim response: it has no content, also when it says that it has none. */
export function interimHead(fields: FieldList): FieldList {
  const at = fields.indexOf('content-length');
  return at < 0 ? fields : fields.filter((_, index) => index !== at && index !== at + 1);
}

const COLON = 0x3a;
const LETTER_X = 0x78;
const ORIGINAL_HOST = 'x-envoy-original-host';
const ORIGINAL_PATH = 'x-envoy-original-path';

/** Many applications take an underscore for a hyphen: what is spelt with one counts as the same name. */
function isOurs(name: string, authority: string | undefined, path: string | undefined): boolean {
  switch (name.includes('_') ? name.replaceAll('_', '-') : name) {
    case 'x-request-id':
      return true;
    case ORIGINAL_HOST:
      return authority !== undefined;
    case ORIGINAL_PATH:
      return path !== undefined;
    default:
      return isIdentityField(name);
  }
}

function isOursInResponses(name: string): boolean {
  switch (name) {
    case 'x-envoy-upstream-service-time':
    case 'x-envoy-peer-metadata':
    case 'x-envoy-peer-metadata-id':
      return true;
    default:
      return false;
  }
}
