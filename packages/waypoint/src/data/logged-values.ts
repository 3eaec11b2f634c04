import { formatSocketAddress, type SocketAddress } from '@ambit/core/address';
import type { Workload } from '@ambit/mesh/workload';
import type { HttpLogRecord } from '@ambit/telemetry/http-log-record';
import { NO_GRPC_STATUS } from '@ambit/telemetry/request-series';
import { formatFlags } from '@ambit/telemetry/response-flag-set';
import type { LogOperator } from '@ambit/traffic/log-format/log-template';

/** What is logged of a request or a connection, with what formats of users may ask for besides. */
export interface LoggedValues extends HttpLogRecord {
  readonly client: {
    readonly principal: string;
    readonly address: SocketAddress;
    readonly workload: Workload | undefined;
    readonly authority: string;
  };
  /** Undefined where none was chosen. */
  readonly clusterName: string | undefined;
  readonly routeName: string | undefined;
  readonly endpoint: { readonly address: SocketAddress; readonly workload: Workload | undefined } | undefined;
  readonly grpcStatus: number;
  header(name: string): string | undefined;
  responseHeader(name: string): string | undefined;
}

/** As Envoy writes them, by their numbers. */
const GRPC_STATUSES = [
  ...['OK', 'Canceled', 'Unknown', 'InvalidArgument', 'DeadlineExceeded', 'NotFound', 'AlreadyExists'],
  ...['PermissionDenied', 'ResourceExhausted', 'FailedPrecondition', 'Aborted', 'OutOfRange', 'Unimplemented'],
  ...['Internal', 'Unavailable', 'DataLoss', 'Unauthenticated'],
];

/** The value of an operator; undefined where there is none. */
export function valueOf({ name, fields }: LogOperator, of: LoggedValues): number | string | undefined {
  const { client, endpoint } = of;
  switch (name) {
    case 'MESH_DESTINATION_WORKLOAD':
      return nameOf(endpoint?.workload);
    case 'MESH_POLICY':
      return of.policy;
    case 'MESH_REASON':
      return of.reason;
    case 'MESH_SOURCE_WORKLOAD':
      return nameOf(client.workload);
    case 'BYTES_RECEIVED':
      return of.bytesReceived;
    case 'BYTES_SENT':
      return of.bytesSent;
    case 'CONNECTION_TERMINATION_DETAILS':
      return of.terminationDetails;
    case 'DOWNSTREAM_DIRECT_REMOTE_ADDRESS':
    case 'DOWNSTREAM_REMOTE_ADDRESS':
      return formatSocketAddress(client.address);
    case 'DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT':
    case 'DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT':
      return client.address.ip;
    case 'DOWNSTREAM_REMOTE_PORT':
      return client.address.port;
    case 'DOWNSTREAM_LOCAL_ADDRESS':
      return client.authority;
    case 'DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT':
      return client.authority.slice(0, client.authority.lastIndexOf(':'));
    case 'DOWNSTREAM_LOCAL_PORT':
      return Number(client.authority.slice(client.authority.lastIndexOf(':') + 1));
    case 'DOWNSTREAM_PEER_URI_SAN':
      return client.principal;
    case 'DURATION':
      return Math.floor(of.duration);
    case 'GRPC_STATUS':
      return of.grpcStatus === NO_GRPC_STATUS ? undefined : (GRPC_STATUSES[of.grpcStatus] ?? String(of.grpcStatus));
    case 'GRPC_STATUS_NUMBER':
      return of.grpcStatus === NO_GRPC_STATUS ? undefined : of.grpcStatus;
    case 'PROTOCOL':
      return of.protocol;
    case 'REQ':
      return firstOf(fields, (field) => requestField(field, of));
    case 'REQUESTED_SERVER_NAME':
    case 'UPSTREAM_LOCAL_ADDRESS':
      return undefined;
    case 'RESP':
      return firstOf(fields, (field) => responseField(field, of));
    case 'RESPONSE_CODE':
      return of.status;
    case 'RESPONSE_CODE_DETAILS':
      return of.details;
    case 'RESPONSE_FLAGS':
      return formatFlags(of.flags);
    case 'ROUTE_NAME':
      return of.routeName;
    case 'START_TIME':
      return new Date(of.startTime).toISOString();
    case 'TRACE_ID':
      return of.traceId;
    case 'UPSTREAM_CLUSTER':
      return of.clusterName;
    case 'UPSTREAM_HOST':
      return endpoint === undefined ? undefined : formatSocketAddress(endpoint.address);
    case 'UPSTREAM_TRANSPORT_FAILURE_REASON':
      return of.transportFailure;
  }
}

/** Fields as the log has them by itself; the others as they came. */
function requestField(field: string, of: LoggedValues): string | undefined {
  switch (field) {
    case ':authority':
      return of.authority;
    case ':method':
      return of.method;
    case ':path':
      return of.path;
    case 'x-request-id':
      return of.requestId;
    default:
      return of.header(field);
  }
}

function responseField(field: string, of: LoggedValues): string | undefined {
  switch (field) {
    case ':status':
      return of.status === 0 ? undefined : String(of.status);
    case 'x-envoy-upstream-service-time':
      return of.upstreamServiceTime === undefined ? undefined : String(Math.round(of.upstreamServiceTime));
    default:
      return of.responseHeader(field);
  }
}

function firstOf(fields: readonly string[], value: (field: string) => string | undefined): string | undefined {
  for (const field of fields) {
    const found = value(field);
    if (found !== undefined) return found;
  }
  return undefined;
}

function nameOf(workload: Workload | undefined): string | undefined {
  return workload === undefined ? undefined : `${workload.namespace}/${workload.name}`;
}
