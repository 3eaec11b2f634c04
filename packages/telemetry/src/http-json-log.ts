import {
  copyBytes,
  type DownstreamFacts,
  type HttpAccessLog,
  type HttpLogRecord,
  lineBytes,
  type LoggedDownstream,
  type LoggedRoute,
  type LoggedUpstream,
  UNKNOWN_UPSTREAM,
  type UpstreamFacts,
} from './http-log-record.ts';
import { LogTime, valueBytes, writeAscii, writeEscaped, writeNumber } from './log-bytes.ts';
import { formatFlags } from './response-flag-set.ts';

const LINE_FEED = 0x0a;
const QUOTE = 0x22;
const CLOSING_BRACE = 0x7d;

/** Istio's JSON format: its keys in its order, `null` for what is missing, and our own keys behind them. */
export class HttpJsonLog implements HttpAccessLog {
  readonly #time = new LogTime();
  readonly #noUpstream: LoggedUpstream = this.upstream(UNKNOWN_UPSTREAM);
  readonly #noRoute: LoggedRoute = { name: Buffer.from('"route_name":null') };

  downstream({ localAddress, remoteAddress, serverName, principal, workload }: DownstreamFacts): LoggedDownstream {
    return {
      addresses: Buffer.from(
        `,"downstream_local_address":${quoted(localAddress)},"downstream_remote_address":${quoted(remoteAddress)}` +
          `,"requested_server_name":${quoted(serverName)}`,
      ),
      source: Buffer.from(`,"source_principal":${quoted(principal)},"source_workload":${quoted(workload)}`),
    };
  }

  upstream({ host, cluster, localAddress, workload }: UpstreamFacts): LoggedUpstream {
    return {
      target: Buffer.from(
        `,"upstream_host":${quoted(host)},"upstream_cluster":${quoted(cluster)}` +
          `,"upstream_local_address":${quoted(localAddress)}`,
      ),
      destination: Buffer.from(`,"destination_workload":${quoted(workload)}`),
    };
  }

  route(name: string): LoggedRoute {
    return { name: Buffer.from(`"route_name":${quoted(name)}`) };
  }

  writeLine(record: HttpLogRecord, into: Buffer, at: number): number {
    const { downstream } = record;
    const upstream = record.upstream ?? this.#noUpstream;
    const route = record.route ?? this.#noRoute;
    if (at + lineBytes(record, upstream, route) > into.length) return -1;
    let end = writeAscii('{"start_time":"', into, at);
    end = this.#time.write(record.startTime, into, end);
    end = writeAscii('",', into, end);
    end = copyBytes(route.name, into, end);
    end = member(METHOD, record.method, into, end);
    end = member(PATH, record.path, into, end);
    end = member(PROTOCOL, record.protocol, into, end);
    end = numberMember(RESPONSE_CODE, record.status, into, end);
    end = member(RESPONSE_FLAGS, formatFlags(record.flags), into, end);
    end = member(DETAILS, record.details, into, end);
    end = member(TERMINATION, record.terminationDetails, into, end);
    end = numberMember(BYTES_RECEIVED, record.bytesReceived, into, end);
    end = numberMember(BYTES_SENT, record.bytesSent, into, end);
    end = numberMember(DURATION, record.duration, into, end);
    end = this.#serviceTime(record.upstreamServiceTime, into, end);
    end = member(FORWARDED_FOR, record.forwardedFor, into, end);
    end = member(USER_AGENT, record.userAgent, into, end);
    end = member(REQUEST_ID, record.requestId, into, end);
    end = member(AUTHORITY, record.authority, into, end);
    end = copyBytes(upstream.target, into, end);
    end = copyBytes(downstream.addresses, into, end);
    end = member(TRANSPORT_FAILURE, record.transportFailure, into, end);
    end = copyBytes(downstream.source, into, end);
    end = copyBytes(upstream.destination, into, end);
    end = member(POLICY, record.policy, into, end);
    end = member(REASON, record.reason, into, end);
    into[end] = CLOSING_BRACE;
    into[end + 1] = LINE_FEED;
    return end + 2;
  }

  /** A string in Istio's format, because there it is a field of the response. */
  #serviceTime(milliseconds: number | undefined, into: Buffer, at: number): number {
    if (milliseconds === undefined) return member(SERVICE_TIME, undefined, into, at);
    const start = writeAscii(SERVICE_TIME, into, at);
    into[start] = QUOTE;
    const end = writeNumber(milliseconds, into, start + 1);
    into[end] = QUOTE;
    return end + 1;
  }
}

const METHOD = ',"method":';
const PATH = ',"path":';
const PROTOCOL = ',"protocol":';
const RESPONSE_CODE = ',"response_code":';
const RESPONSE_FLAGS = ',"response_flags":';
const DETAILS = ',"response_code_details":';
const TERMINATION = ',"connection_termination_details":';
const BYTES_RECEIVED = ',"bytes_received":';
const BYTES_SENT = ',"bytes_sent":';
const DURATION = ',"duration":';
const SERVICE_TIME = ',"upstream_service_time":';
const FORWARDED_FOR = ',"x_forwarded_for":';
const USER_AGENT = ',"user_agent":';
const REQUEST_ID = ',"request_id":';
const AUTHORITY = ',"authority":';
const TRANSPORT_FAILURE = ',"upstream_transport_failure_reason":';
const POLICY = ',"policy":';
const REASON = ',"reason":';

function member(lead: string, text: string | undefined, into: Buffer, at: number): number {
  return value(text, into, writeAscii(lead, into, at));
}

function numberMember(lead: string, number: number, into: Buffer, at: number): number {
  return writeNumber(number, into, writeAscii(lead, into, at));
}

function value(text: string | undefined, into: Buffer, at: number): number {
  if (text === undefined) return writeAscii('null', into, at);
  into[at] = QUOTE;
  const end = writeEscaped(text, into, at + 1, 'json');
  into[end] = QUOTE;
  return end + 1;
}

function quoted(text: string | undefined): string {
  const bytes = Buffer.alloc(valueBytes(text));
  return bytes.toString('latin1', 0, value(text, bytes, 0));
}
