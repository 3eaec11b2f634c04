/** What expressions may ask of a request that is over. */
export interface ObservedRequest {
  readonly method: string | undefined;
  /** As the client sent it, with the query. */
  readonly path: string | undefined;
  readonly authority: string | undefined;
  readonly scheme: string | undefined;
  /** `HTTP/1.1`, `HTTP/2`. */
  readonly protocol: string | undefined;
  readonly requestId: string | undefined;
  readonly userAgent: string | undefined;
  /** What the client got; 0 when nothing. */
  readonly status: number;
  /** Below 0: none. */
  readonly grpcStatus: number;
  readonly details: string | undefined;
  /** Of bodies. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** `spiffe://…`, proved by mutual TLS; empty: none. */
  readonly principal: string;
  /** A field of the request by its name in lower case. */
  header(name: string): string | undefined;
}

export type ExpressionType = 'bool' | 'int' | 'string';

/** Undefined: there is no value, for instance because the request has no such field. */
export type ExpressionValue = boolean | number | string | undefined;

export interface Attribute {
  readonly type: ExpressionType;
  readonly read: (request: ObservedRequest) => ExpressionValue;
}

const text = (read: (request: ObservedRequest) => string | undefined): Attribute => ({ type: 'string', read });
const number = (read: (request: ObservedRequest) => number | undefined): Attribute => ({ type: 'int', read });

/** The attributes of Envoy that are known here (Envoy documentation, "Attributes"), by name. */
export const ATTRIBUTES: ReadonlyMap<string, Attribute> = new Map<string, Attribute>([
  ['connection.mtls', { type: 'bool', read: ({ principal }) => principal !== '' }],
  ['connection.uri_san_peer_certificate', text(({ principal }) => (principal === '' ? undefined : principal))],
  ['request.host', text(({ authority }) => authority)],
  ['request.id', text(({ requestId }) => requestId)],
  ['request.method', text(({ method }) => method)],
  ['request.path', text(({ path }) => path)],
  ['request.protocol', text(({ protocol }) => protocol)],
  ['request.query', text(({ path }) => queryOf(path))],
  ['request.referer', text((request) => request.header('referer'))],
  ['request.scheme', text(({ scheme }) => scheme)],
  ['request.size', number(({ bytesReceived }) => bytesReceived)],
  ['request.url_path', text(({ path }) => pathOf(path))],
  ['request.useragent', text(({ userAgent }) => userAgent)],
  ['response.code', number(({ status }) => status)],
  ['response.code_details', text(({ details }) => details)],
  ['response.grpc_status', number(({ grpcStatus }) => (grpcStatus < 0 ? undefined : grpcStatus))],
  ['response.size', number(({ bytesSent }) => bytesSent)],
]);

/** The one attribute that is a map: `request.headers['name']`. */
export const HEADERS = 'request.headers';

function pathOf(path: string | undefined): string | undefined {
  const question = path?.indexOf('?') ?? -1;
  return question < 0 ? path : path?.slice(0, question);
}

function queryOf(path: string | undefined): string | undefined {
  const question = path?.indexOf('?') ?? -1;
  return path === undefined ? undefined : question < 0 ? '' : path.slice(question + 1);
}
