import type { FieldList } from '@ambit/http/h2/message-fields';
import type { SocketAddress } from '@ambit/core/address';
import { isIdentityField, withHyphens } from '@ambit/traffic/request/identity-fields';
import type { ClientFields } from '@ambit/traffic/model/served-service';
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
  /** What is told of the client. */
  readonly told: ClientFields;
  readonly client: { readonly principal: string; readonly address: Pick<SocketAddress, 'ip'> };
  /** The waypoint's own principal. */
  readonly principal: string;
}

/**
 * The head of a request as an endpoint gets it: the path that was judged, or what the route makes of it, a request id, and
 * nothing that speaks of the client's identity, which only the proxies may say. What was rewritten is told as Envoy tells it.
 */
export function requestHead(facts: RequestFacts, parts: RequestHeadParts): string[] {
  const { fields } = facts;
  const sent = facts.authority.length > 0 ? facts.authority : parts.clientAuthority;
  const { authority, path, told } = parts;
  const passesAddresses = told.forwardedFor === 'pass';
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
  let forwardedFor = '';
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] ?? '';
    if (name.charCodeAt(0) === COLON || (name.charCodeAt(0) === LETTER_X && isOurs(name))) continue;
    if (!passesAddresses && tellsOfAddresses(name)) {
      if (name === 'x-forwarded-for') forwardedFor = joined(forwardedFor, fields[at + 1] ?? '');
      if (told.forwardedFor === 'replace' || withHyphens(name) === 'x-forwarded-for') continue;
    }
    if (name === 'x-forwarded-proto') forwardedProto = true;
    head.push(name, fields[at + 1] ?? '');
  }
  head.push('x-request-id', parts.requestId);
  if (!forwardedProto) head.push('x-forwarded-proto', facts.scheme);
  if (!passesAddresses) {
    const { ip } = parts.client.address;
    head.push('x-forwarded-for', told.forwardedFor === 'append' ? joined(forwardedFor, ip) : ip);
  }
  if (told.certificate) {
    head.push('x-forwarded-client-cert', `By=${parts.principal};URI=${parts.client.principal}`);
  }
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
function isOurs(name: string): boolean {
  return withHyphens(name) === 'x-request-id' || isIdentityField(name);
}

/** Fields that say whence a request comes. */
function tellsOfAddresses(name: string): boolean {
  switch (withHyphens(name)) {
    case 'forwarded':
    case 'x-envoy-external-address':
    case 'x-forwarded-for':
    case 'x-real-ip':
      return true;
    default:
      return false;
  }
}

function joined(list: string, value: string): string {
  return list === '' ? value : `${list}, ${value}`;
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
