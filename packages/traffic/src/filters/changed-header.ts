/** A field's name in lower case (RFC 9110 5.1, RFC 9113 8.2). */
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** What a field's value may hold (RFC 9110 5.5): no control character but a tab. */
const VALUE = /^[\t\u0020-\u007e\u0080-\uffff]*$/;

/** Framing and what belongs to one connection (RFC 9110 7.6.1, RFC 9113 8.2.2); the codecs alone say it. */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What only proxies may say: of the client's identity, and of the workload behind a request. */
const OF_PROXIES: ReadonlySet<string> = new Set([
  'x-envoy-peer-metadata',
  'x-envoy-peer-metadata-id',
  'x-forwarded-client-cert',
]);

/**
 * Why a header of this name may not be changed by a route; undefined when it may. For readers, and for those who write
 * resources. `removed`: taking away is all that is asked for.
 */
export function changedHeaderProblem(name: string, removed: boolean): string | undefined {
  if (name === 'host' || name === ':authority') return `"${name}" is changed by a rewrite of the authority`;
  if (!NAME.test(name)) return `"${name}" is not the name of a header in lower case`;
  if (isOfConnection(name)) return `"${name}" belongs to the connection or to framing`;
  if (!removed && OF_PROXIES.has(name.replaceAll('_', '-'))) return `"${name}" is said by proxies only`;
  return undefined;
}

/** Whether the codecs alone say a field of this name. */
export function isOfConnection(name: string): boolean {
  return OF_CONNECTION.has(name);
}

/** Why a text cannot be the value of a header; undefined when it can. */
export function headerValueProblem(value: string): string | undefined {
  return VALUE.test(value) ? undefined : 'has a control character';
}

/** Why a text cannot be a name of a header or a method, in a list of a CORS policy; `*` stands for all of them. */
export function tokenProblem(text: string): string | undefined {
  return NAME.test(text.toLowerCase()) ? undefined : `"${text}" is no token (RFC 9110 5.6.2)`;
}
