import { messageOf } from '@ambit/core/errors';
import { parse } from 'yaml';
import type { LocalityLb } from '../../locality-objects.ts';
import type { Model } from '../../model.ts';
import type { LogFormat } from '@ambit/traffic/model/telemetry';
import { type Condition, conditionOf } from '../condition.ts';
import type { TranslationSettings } from '../settings.ts';
import { type LogSettings, readFileProvider, readLogSettings } from './log-settings.ts';
import { readMeshRetry } from '../waypoint/mesh-retry.ts';
import { DEFAULT_RETRY, type RetryPolicyInit } from '../waypoint/retry.ts';
import { readMeshLocality } from '../waypoint/mesh-locality.ts';
import { type AuthorizationProvider, readAuthorizationProvider } from '../waypoint/authorization-provider.ts';

/** Where spans go. */
export interface TraceProvider {
  readonly name: string;
  readonly protocol: 'otlp' | 'otlp-grpc' | 'zipkin';
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

/**
 * What is read of Istio's MeshConfig: who Telemetry and CUSTOM policies may name as providers, which endpoints come first, and what
 * is tried again.
 */
export interface MeshConfig {
  /** By name; a text says why one cannot be used. */
  readonly traceProviders: ReadonlyMap<string, TraceProvider | string>;
  readonly logs: LogSettings;
  /** By name, the format of those that are the waypoint's own, null for its own; a text says why one cannot be used. */
  readonly logProviders: ReadonlyMap<string, LogFormat | string | null>;
  readonly defaultTraceProviders: readonly string[];
  readonly localityLb: LocalityLb;
  /** By name, those that CUSTOM policies may ask; a text says why one cannot be asked. */
  readonly authorizers: ReadonlyMap<string, AuthorizationProvider | string>;
  /** Where no object says what is tried again. */
  readonly retry: RetryPolicyInit;
  readonly conditions: readonly Condition[];
}

/** The ConfigMap, in the root namespace, and its key. */
const CONFIG_MAP = 'istio';
const KEY = 'mesh';

const IN_FORCE =
  'the access log, the providers of logs, traces and external authorization, localityLbSetting, defaultHttpRetryPolicy';

/** Istio's own provider of access logs, which is there without being configured. */
const ENVOY = 'envoy';
/** The call of OTLP over gRPC. */
const OTLP_CALL = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

const NOTHING: MeshConfig = {
  traceProviders: new Map(),
  logs: { disabled: undefined, format: undefined },
  logProviders: new Map([[ENVOY, null]]),
  defaultTraceProviders: [],
  localityLb: {},
  authorizers: new Map(),
  retry: DEFAULT_RETRY,
  conditions: [],
};

/** `namespace/name` of the ConfigMap. */
export function meshConfigName({ rootNamespace }: TranslationSettings): string {
  return `${rootNamespace}/${CONFIG_MAP}`;
}

/** Reads the mesh's settings. What is wrong, or not read here, is told by a condition of the ConfigMap. */
export function readMeshConfig(model: Pick<Model, 'configMaps'>, settings: TranslationSettings): MeshConfig {
  const configMap = model.configMaps.get(meshConfigName(settings));
  const text = configMap?.data?.[KEY];
  if (configMap === undefined || text === undefined) return NOTHING;
  const say = (status: 'False' | 'True', reason: string, message: string): Condition =>
    conditionOf(configMap, 'Accepted', status, reason, message);
  let parsed: unknown;
  try {
    parsed = parse(text, { uniqueKeys: true, maxAliasCount: 0 });
  } catch (error) {
    return { ...NOTHING, conditions: [say('False', 'Invalid', `${KEY} is not YAML: ${messageOf(error)}`)] };
  }
  const traceProviders = new Map<string, TraceProvider | string>();
  const authorizers = new Map<string, AuthorizationProvider | string>();
  const names = new Set<string>();
  const remarks: string[] = [];
  const inMesh = readLogSettings(parsed, remarks);
  const logProviders = new Map<string, LogFormat | string | null>([[ENVOY, inMesh.format ?? null]]);
  for (const [index, provider] of itemsOf(parsed, 'extensionProviders').entries()) {
    const name = textOf(provider, 'name');
    if (name === undefined) {
      remarks.push(`extensionProviders[${index}].name is missing`);
      continue;
    }
    const authorizer = readAuthorizer(name, provider);
    if (names.has(name)) authorizers.set(name, `provider ${name}: the name occurs twice`);
    else if (authorizer !== undefined) authorizers.set(name, authorizer);
    names.add(name);
    const logs = fieldOf(provider, 'envoyFileAccessLog');
    const [zipkin, otlp] = [fieldOf(provider, 'zipkin'), fieldOf(provider, 'opentelemetry')];
    if (logs !== undefined) {
      logProviders.set(name, readFileProvider(name, logs));
    } else if (zipkin !== undefined) {
      traceProviders.set(name, readZipkin(name, zipkin));
    } else if (otlp !== undefined) {
      traceProviders.set(name, readOpenTelemetry(name, otlp));
    }
  }
  const locality = readMeshLocality(parsed);
  if ('problem' in locality) remarks.push(locality.problem);
  const retry = readMeshRetry(parsed);
  if ('problem' in retry) remarks.push(retry.problem);
  for (const provider of [...traceProviders.values(), ...logProviders.values(), ...authorizers.values()]) {
    if (typeof provider === 'string') remarks.push(provider);
  }
  const defaults = itemsOf(fieldOf(parsed, 'defaultProviders'), 'tracing');
  return {
    ...{ traceProviders, logProviders, logs: inMesh, authorizers },
    defaultTraceProviders: defaults.filter((name) => typeof name === 'string'),
    localityLb: 'problem' in locality ? {} : locality,
    retry: 'problem' in retry ? DEFAULT_RETRY : retry,
    conditions: [
      remarks.length === 0
        ? say('True', 'Accepted', `in force: ${IN_FORCE}`)
        : say('False', 'PartiallyInvalid', remarks.join('; ')),
    ],
  };
}

/** Undefined: it is a provider of something else. */
function readAuthorizer(name: string, provider: unknown): AuthorizationProvider | string | undefined {
  const found = (['envoyExtAuthzHttp', 'envoyExtAuthzGrpc'] as const).flatMap((kind) => {
    const fields = fieldOf(provider, kind);
    return fields === undefined ? [] : [{ kind, fields }];
  });
  const [first] = found;
  if (first === undefined) return undefined;
  if (found.length > 1) return `provider ${name}: it is both envoyExtAuthzHttp and envoyExtAuthzGrpc`;
  return readAuthorizationProvider(name, first.kind, first.fields);
}

function readZipkin(name: string, fields: object): TraceProvider | string {
  const unread = Object.keys(fields).filter((field) => !['service', 'port', 'path'].includes(field));
  return readCollector(name, 'zipkin', fields, unread, textOf(fields, 'path') ?? '/api/v2/spans');
}

function readOpenTelemetry(name: string, fields: object): TraceProvider | string {
  const http = fieldOf(fields, 'http');
  if (http === undefined) {
    const others = Object.keys(fields).filter((field) => !['service', 'port'].includes(field));
    return readCollector(name, 'otlp-grpc', fields, others, OTLP_CALL);
  }
  const unread = [
    ...Object.keys(fields).filter((field) => !['service', 'port', 'http'].includes(field)),
    ...Object.keys(http).flatMap((field) => (field === 'path' ? [] : [`http.${field}`])),
  ];
  return readCollector(name, 'otlp', fields, unread, textOf(http, 'path') ?? '/v1/traces');
}

function readCollector(
  name: string,
  protocol: TraceProvider['protocol'],
  fields: object,
  unread: readonly string[],
  path: string,
): TraceProvider | string {
  if (unread.length > 0) return `provider ${name}: ${unread.join(', ')} is not honoured`;
  // `namespace/host` says where Istio finds the service; names that are whole say it too.
  const service = textOf(fields, 'service') ?? '';
  const host = service.slice(service.indexOf('/') + 1);
  const port: unknown = Reflect.get(fields, 'port');
  if (!/^[A-Za-z0-9.:_-]{1,253}$/.test(host)) return `provider ${name}: service is neither a host nor an address`;
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) {
    return `provider ${name}: port is not a port`;
  }
  if (!/^\/[!-~]{0,1023}$/.test(path)) return `provider ${name}: path is not a path that begins with a slash`;
  return { name, protocol, host, port, path };
}

function itemsOf(value: unknown, field: string): unknown[] {
  const list: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, field) : undefined;
  return Array.isArray(list) ? list : [];
}

function fieldOf(value: unknown, field: string): object | undefined {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, field) : undefined;
  return typeof found === 'object' && found !== null ? found : undefined;
}

function textOf(value: unknown, field: string): string | undefined {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, field) : undefined;
  return typeof found === 'string' ? found : undefined;
}
