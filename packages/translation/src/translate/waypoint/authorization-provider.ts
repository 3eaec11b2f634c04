import type { MessageInitShape } from '@bufbuild/protobuf';
import type { AuthorizerSchema, ValuePatternSchema } from '@ambit/proto/waypoint';
import { MAX_CHECKED_BODY_BYTES } from '@ambit/traffic/limits';
import { addedHeaderProblem } from '@ambit/traffic/model/read-authorizer';
import { istioDurationMs } from '../../schema/durations.ts';

/** An external authorizer of Istio's MeshConfig. */
export interface AuthorizationProvider {
  readonly name: string;
  /** Empty: whichever has the host. */
  readonly namespace: string;
  readonly host: string;
  readonly port: number;
  /** All but its cluster. */
  readonly message: MessageInitShape<typeof AuthorizerSchema>;
}

type Pattern = MessageInitShape<typeof ValuePatternSchema>;

/** From the question to the answer, milliseconds, as in Istio. */
const DEFAULT_TIMEOUT_MS = 600_000;

const COMMON = [
  ...['service', 'port', 'timeout', 'failOpen', 'statusOnError', 'clearRouteCache'],
  'includeRequestBodyInCheck',
] as const;
const OF_HTTP = [
  ...['pathPrefix', 'includeHeadersInCheck', 'includeRequestHeadersInCheck', 'includeAdditionalHeadersInCheck'],
  ...['headersToUpstreamOnAllow', 'headersToDownstreamOnDeny', 'headersToDownstreamOnAllow'],
] as const;
const OF_BODY = ['maxRequestBytes', 'allowPartialMessage', 'packAsBytes'] as const;

/** Reads what stands under `envoyExtAuthzHttp` or `envoyExtAuthzGrpc`; a text says why it cannot be used. All or nothing. */
export function readAuthorizationProvider(
  name: string,
  kind: 'envoyExtAuthzGrpc' | 'envoyExtAuthzHttp',
  fields: object,
): AuthorizationProvider | string {
  const reader = new FieldReader(kind, fields, kind === 'envoyExtAuthzHttp' ? [...COMMON, ...OF_HTTP] : COMMON);
  const service =
    reader.text('service', /^(?:[a-z0-9-]{1,63}\/)?[A-Za-z0-9._-]{1,253}$/, 'a host, or namespace/host') ?? '';
  const [namespace, host] = service.includes('/') ? service.split('/') : ['', service];
  const port = reader.whole('port', 1, 65_535);
  if (port === undefined) reader.refuse('port', 'is missing');
  if (service === '') reader.refuse('service', 'is missing');
  const message: MessageInitShape<typeof AuthorizerSchema> = {
    name,
    timeoutMs: reader.duration('timeout') ?? DEFAULT_TIMEOUT_MS,
    failOpen: reader.truth('failOpen'),
    statusOnError: reader.status('statusOnError') ?? 403,
    clearRouteCache: reader.truth('clearRouteCache'),
    ...bodyOf(reader),
    protocol:
      kind === 'envoyExtAuthzGrpc'
        ? { case: 'grpc', value: { authority: (host ?? '').toLowerCase() } }
        : { case: 'http', value: httpOf(reader) },
  };
  const [problem] = reader.problems;
  if (problem !== undefined) return `provider ${name}: ${problem}`;
  return { name, namespace: namespace ?? '', host: (host ?? '').toLowerCase(), port: port ?? 0, message };
}

function bodyOf(reader: FieldReader): Pick<MessageInitShape<typeof AuthorizerSchema>, 'body'> {
  const fields = reader.object('includeRequestBodyInCheck', OF_BODY);
  if (fields === undefined) return {};
  const maxBytes = fields.whole('maxRequestBytes', 1, MAX_CHECKED_BODY_BYTES);
  if (maxBytes === undefined) fields.refuse('maxRequestBytes', 'is missing');
  return {
    body: {
      maxBytes: maxBytes ?? 0,
      partial: fields.truth('allowPartialMessage'),
      asBytes: fields.truth('packAsBytes'),
    },
  };
}

function httpOf(reader: FieldReader) {
  const shown = [...reader.patterns('includeHeadersInCheck'), ...reader.patterns('includeRequestHeadersInCheck')];
  return {
    pathPrefix: reader.text('pathPrefix', /^\/[!"$->@-~]{0,1023}$/, 'a path that begins with a slash') ?? '',
    requestHeaders: shown,
    addedHeaders: reader.headers('includeAdditionalHeadersInCheck'),
    upstreamHeadersOnAllow: reader.patterns('headersToUpstreamOnAllow'),
    clientHeadersOnDeny: reader.patterns('headersToDownstreamOnDeny'),
    clientHeadersOnAllow: reader.patterns('headersToDownstreamOnAllow'),
  };
}

/** Reads the fields of one object; what is wrong is gathered. */
class FieldReader {
  readonly problems: string[];
  readonly #where: string;
  readonly #fields: object;

  constructor(where: string, fields: object, known: readonly string[], problems: string[] = []) {
    this.#where = where;
    this.#fields = fields;
    this.problems = problems;
    const unread = Object.keys(fields).filter((field) => !known.includes(field));
    if (unread.length > 0) problems.push(`${where}: ${unread.join(', ')} is not honoured`);
  }

  refuse(field: string, cause: string): void {
    this.problems.push(`${this.#where}.${field} ${cause}`);
  }

  text(field: string, form: RegExp, what: string): string | undefined {
    const value = this.#value(field);
    if (value === undefined) return undefined;
    if (typeof value === 'string' && form.test(value)) return value;
    this.refuse(field, `is not ${what}`);
    return undefined;
  }

  /** As a number or, as protobuf allows, a text of digits. */
  whole(field: string, least: number, most: number): number | undefined {
    const written = this.#value(field);
    if (written === undefined) return undefined;
    const value = typeof written === 'string' && /^[0-9]{1,10}$/.test(written) ? Number(written) : written;
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    this.refuse(field, `is not a number from ${least} to ${most}`);
    return undefined;
  }

  truth(field: string): boolean {
    const value = this.#value(field) ?? false;
    if (typeof value !== 'boolean') this.refuse(field, 'is neither true nor false');
    return value === true;
  }

  duration(field: string): number | undefined {
    const value = this.#value(field);
    if (value === undefined) return undefined;
    const milliseconds = typeof value === 'string' ? istioDurationMs(value) : undefined;
    if (milliseconds !== undefined && milliseconds > 0) return milliseconds;
    this.refuse(field, 'is not a duration such as 0.5s');
    return undefined;
  }

  /** Istio writes it as a text. */
  status(field: string): number | undefined {
    const value = this.#value(field);
    if (value === undefined) return undefined;
    const status = typeof value === 'string' && /^[0-9]{3}$/.test(value) ? Number(value) : value;
    if (typeof status === 'number' && Number.isInteger(status) && status >= 200 && status <= 599) return status;
    this.refuse(field, 'is not the status of a final response ("200" to "599")');
    return undefined;
  }

  object(field: string, known: readonly string[]): FieldReader | undefined {
    const value = this.#value(field);
    if (value === undefined) return undefined;
    if (typeof value === 'object' && !Array.isArray(value)) {
      return new FieldReader(`${this.#where}.${field}`, value as object, known, this.problems);
    }
    this.refuse(field, 'is not an object');
    return undefined;
  }

  patterns(field: string): Pattern[] {
    const value = this.#value(field) ?? [];
    if (!Array.isArray(value)) {
      this.refuse(field, 'is not a list');
      return [];
    }
    return value.map((item: unknown, index): Pattern => {
      const pattern = typeof item === 'string' ? patternOf(item.toLowerCase()) : undefined;
      if (pattern !== undefined) return pattern;
      this.refuse(`${field}[${index}]`, 'is no name of a header, with one * before or behind it or none');
      return {};
    });
  }

  headers(field: string): { name: string; value: string }[] {
    const value = this.#value(field);
    if (value === undefined) return [];
    if (typeof value !== 'object' || Array.isArray(value)) {
      this.refuse(field, 'is not an object');
      return [];
    }
    return Object.entries(value as object).map(([name, text]: [string, unknown]) => {
      const problem = addedHeaderProblem(name.toLowerCase());
      if (problem !== undefined) this.refuse(`${field}.${name}`, problem);
      if (typeof text !== 'string') this.refuse(`${field}.${name}`, 'is not a text');
      return { name: name.toLowerCase(), value: String(text) };
    });
  }

  /** Undefined also for null, which YAML has for nothing. */
  #value(field: string): unknown {
    const value: unknown = Reflect.get(this.#fields, field);
    return value === null ? undefined : value;
  }
}

const NAME = /^[!#$%&'+\-.^_`|~0-9a-z]+$/;

function patternOf(text: string): Pattern | undefined {
  const [front, back] = [text.startsWith('*'), text.endsWith('*')];
  if (text === '*') return { kind: { case: 'prefix', value: '' } };
  const name = text.slice(front ? 1 : 0, back ? -1 : undefined);
  if (!NAME.test(name) || (front && back)) return undefined;
  if (front) return { kind: { case: 'suffix', value: name } };
  return { kind: back ? { case: 'prefix', value: name } : { case: 'exact', value: name } };
}
