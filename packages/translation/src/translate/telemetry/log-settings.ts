import { messageOf } from '@ambit/core/errors';
import { MAX_LOG_LABELS } from '@ambit/traffic/limits';
import { parseLogTemplate } from '@ambit/traffic/log-format/log-template';
import type { LogFormat } from '@ambit/traffic/model/telemetry';

/** What MeshConfig says of access logs; undefined: nothing. */
export interface LogSettings {
  readonly disabled: boolean | undefined;
  readonly format: LogFormat | undefined;
}

/** The only file that waypoints write to. */
const STANDARD_OUTPUT = '/dev/stdout';

/** Istio's keys of a line of JSON, and behind them ours. */
const JSON_LABELS: Readonly<Record<string, string>> = {
  start_time: '%START_TIME%',
  route_name: '%ROUTE_NAME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
  user_agent: '%REQ(USER-AGENT)%',
  request_id: '%REQ(X-REQUEST-ID)%',
  authority: '%REQ(:AUTHORITY)%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  source_principal: '%DOWNSTREAM_PEER_URI_SAN%',
  source_workload: '%MESH_SOURCE_WORKLOAD%',
  destination_workload: '%MESH_DESTINATION_WORKLOAD%',
  policy: '%MESH_POLICY%',
  reason: '%MESH_REASON%',
  trace_id: '%TRACE_ID%',
};

/** Reads `accessLogFile`, `accessLogEncoding` and `accessLogFormat`; what is wrong is told, and as if it were not there. */
export function readLogSettings(mesh: unknown, remarks: string[]): LogSettings {
  const file = settingOf(mesh, 'accessLogFile', remarks);
  if (file !== undefined && file !== '' && file !== STANDARD_OUTPUT) {
    remarks.push(`accessLogFile: waypoints write to ${STANDARD_OUTPUT} alone`);
  }
  const encoding = settingOf(mesh, 'accessLogEncoding', remarks) ?? 'TEXT';
  const written = settingOf(mesh, 'accessLogFormat', remarks) ?? '';
  const disabled = file === undefined ? undefined : file === '';
  try {
    switch (encoding) {
      case 'TEXT':
        return { disabled, format: written === '' ? undefined : textFormat(written, false) };
      case 'JSON': {
        const labels: unknown = written === '' ? JSON_LABELS : JSON.parse(written);
        return { disabled, format: labelsFormat(labels, false) };
      }
      default:
        remarks.push(`accessLogEncoding: ${encoding} is neither TEXT nor JSON`);
    }
  } catch (error) {
    remarks.push(`accessLogFormat: ${messageOf(error)}`);
  }
  return { disabled, format: undefined };
}

/** What `envoyFileAccessLog` says; null: the waypoint's own format. A text says why the provider cannot be used. */
export function readFileProvider(name: string, provider: object): LogFormat | string | null {
  const { path, logFormat, omitEmptyValues, ...unread } = { ...provider } as Readonly<Record<string, unknown>>;
  if (path !== undefined && path !== STANDARD_OUTPUT)
    return `provider ${name}: waypoints write to ${STANDARD_OUTPUT} alone`;
  const others = Object.keys(unread);
  if (others.length > 0) return `provider ${name}: ${others.join(', ')} is not honoured`;
  if (omitEmptyValues !== undefined && typeof omitEmptyValues !== 'boolean') {
    return `provider ${name}: omitEmptyValues is neither true nor false`;
  }
  if (logFormat === undefined)
    return omitEmptyValues === true ? `provider ${name}: omitEmptyValues is for a logFormat` : null;
  if (typeof logFormat !== 'object' || logFormat === null) return `provider ${name}: logFormat is no object`;
  const { text, labels, ...rest } = { ...logFormat } as Readonly<Record<string, unknown>>;
  const place = `provider ${name}: logFormat`;
  if (Object.keys(rest).length > 0) return `${place}.${Object.keys(rest).join(', ')} is not honoured`;
  if ((text === undefined) === (labels === undefined)) return `${place} has either text or labels`;
  try {
    if (labels !== undefined) return labelsFormat(labels, omitEmptyValues === true);
    return typeof text === 'string' ? textFormat(text, omitEmptyValues === true) : `${place}.text is no text`;
  } catch (error) {
    return `${place}: ${messageOf(error)}`;
  }
}

function textFormat(text: string, omitEmptyValues: boolean): LogFormat {
  parseLogTemplate(text);
  return { kind: 'text', text, omitEmptyValues };
}

function labelsFormat(labels: unknown, omitEmptyValues: boolean): LogFormat {
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels)) throw new Error('is no object of labels');
  const entries = Object.entries(labels);
  if (entries.length > MAX_LOG_LABELS) throw new Error(`has more than ${MAX_LOG_LABELS} labels`);
  return {
    kind: 'labels',
    labels: entries.map(([name, value]: [string, unknown]) => {
      if (typeof value !== 'string') throw new Error(`label ${name} is no text; objects within are not honoured`);
      try {
        parseLogTemplate(value);
      } catch (error) {
        throw new Error(`label ${name}: ${messageOf(error)}`, { cause: error });
      }
      return { name, value };
    }),
    omitEmptyValues,
  };
}

function settingOf(mesh: unknown, field: string, remarks: string[]): string | undefined {
  const found: unknown = typeof mesh === 'object' && mesh !== null ? Reflect.get(mesh, field) : undefined;
  if (found === undefined || typeof found === 'string') return found;
  remarks.push(`${field} is no text`);
  return undefined;
}
