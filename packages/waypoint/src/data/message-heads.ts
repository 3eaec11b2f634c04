import type { FieldList } from '@ambit/http/h2/message-fields';
import type { RequestFacts } from '@ambit/traffic/request/request-facts';

/**
 * The head of a request as an endpoint gets it: the path that was judged, a request id, and nothing that speaks of the
 * client's identity, which only the proxies may say. `authority` stands in for the one that HTTP/1.0 may leave out.
 */
export function requestHead(facts: RequestFacts, requestId: string, authority: string): string[] {
  const { fields } = facts;
  const head = [
    ':method',
    facts.method,
    ':scheme',
    facts.scheme,
    ':authority',
    facts.authority.length > 0 ? facts.authority : authority,
    ':path',
    facts.forwardedPath,
  ];
  let forwardedProto = false;
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] ?? '';
    if (name.charCodeAt(0) === COLON || (name.charCodeAt(0) === LETTER_X && isOurs(name))) continue;
    if (name === 'x-forwarded-proto') forwardedProto = true;
    head.push(name, fields[at + 1] ?? '');
  }
  head.push('x-request-id', requestId);
  if (!forwardedProto) head.push('x-forwarded-proto', facts.scheme);
  return head;
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

/** Many applications take an underscore for a hyphen: what is spelt with one counts as the same name. */
function isOurs(name: string): boolean {
  switch (name.includes('_') ? name.replaceAll('_', '-') : name) {
    case 'x-request-id':
    case 'x-forwarded-client-cert':
    case 'x-envoy-peer-metadata':
    case 'x-envoy-peer-metadata-id':
      return true;
    default:
      return false;
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
