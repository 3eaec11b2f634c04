import {
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
import { LineWriter, RepeatedValue, valueBytes } from './log-bytes.ts';
import { formatFlags } from './response-flag-set.ts';

const QUOTE = 0x22;
const START: Buffer = Buffer.from('{"start_time":"');
const AFTER_TIME: Buffer = Buffer.from('",');
const END: Buffer = Buffer.from('}\n');

/** What stands before a value, and all of it when there is none. */
interface Member {
  readonly text: Buffer;
  readonly number: Buffer;
  readonly missing: Buffer;
}

const METHOD: Member = member('method');
const PATH: Member = member('path');
const PROTOCOL: Member = member('protocol');
const RESPONSE_CODE: Member = member('response_code');
const RESPONSE_FLAGS: Member = member('response_flags');
const DETAILS: Member = member('response_code_details');
const TERMINATION: Member = member('connection_termination_details');
const BYTES_RECEIVED: Member = member('bytes_received');
const BYTES_SENT: Member = member('bytes_sent');
const DURATION: Member = member('duration');
const SERVICE_TIME: Member = member('upstream_service_time');
const FORWARDED_FOR: Member = member('x_forwarded_for');
const USER_AGENT: Member = member('user_agent');
const REQUEST_ID: Member = member('request_id');
const AUTHORITY: Member = member('authority');
const TRANSPORT_FAILURE: Member = member('upstream_transport_failure_reason');
const POLICY: Member = member('policy');
const REASON: Member = member('reason');
const TRACE_ID: Member = member('trace_id');

/** Istio's JSON format: its keys in its order, `null` for what is missing, and our own keys behind them. */
export class HttpJsonLog implements HttpAccessLog {
  readonly #line: LineWriter = new LineWriter('json');
  readonly #noUpstream: LoggedUpstream = this.upstream(UNKNOWN_UPSTREAM);
  readonly #noRoute: LoggedRoute = { name: Buffer.from('"route_name":null') };

  downstream({ localAddress, remoteAddress, serverName, principal, workload }: DownstreamFacts): LoggedDownstream {
    return {
      addresses: Buffer.from(
        `,"downstream_local_address":${quoted(localAddress)},"downstream_remote_address":${quoted(remoteAddress)}` +
          `,"requested_server_name":${quoted(serverName)}`,
      ),
      source: Buffer.from(`,"source_principal":${quoted(principal)},"source_workload":${quoted(workload)}`),
      userAgent: new RepeatedValue(),
      authority: new RepeatedValue(),
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
    const line = this.#line;
    line.begin(into, at);
    line.bytes(START);
    line.time(record.startTime);
    line.bytes(AFTER_TIME);
    line.bytes(route.name);
    writeText(METHOD, record.method, line);
    writeText(PATH, record.path, line);
    writeText(PROTOCOL, record.protocol, line);
    writeNumber(RESPONSE_CODE, record.status, line);
    writeText(RESPONSE_FLAGS, formatFlags(record.flags), line);
    writeText(DETAILS, record.details, line);
    writeText(TERMINATION, record.terminationDetails, line);
    writeNumber(BYTES_RECEIVED, record.bytesReceived, line);
    writeNumber(BYTES_SENT, record.bytesSent, line);
    writeNumber(DURATION, record.duration, line);
    writeServiceTime(record.upstreamServiceTime, line);
    writeText(FORWARDED_FOR, record.forwardedFor, line);
    writeRepeated(USER_AGENT, record.userAgent, downstream.userAgent, line);
    writeText(REQUEST_ID, record.requestId, line);
    writeRepeated(AUTHORITY, record.authority, downstream.authority, line);
    line.bytes(upstream.target);
    line.bytes(downstream.addresses);
    writeText(TRANSPORT_FAILURE, record.transportFailure, line);
    line.bytes(downstream.source);
    line.bytes(upstream.destination);
    writeText(POLICY, record.policy, line);
    writeText(REASON, record.reason, line);
    if (record.traceId !== undefined) writeText(TRACE_ID, record.traceId, line);
    line.bytes(END);
    return line.end;
  }
}

function member(key: string): Member {
  return {
    text: Buffer.from(`,"${key}":"`),
    number: Buffer.from(`,"${key}":`),
    missing: Buffer.from(`,"${key}":null`),
  };
}

function writeText({ text, missing }: Member, value: string | undefined, line: LineWriter): void {
  if (value === undefined) {
    line.bytes(missing);
    return;
  }
  line.bytes(text);
  line.value(value);
  line.character(QUOTE);
}

function writeRepeated(
  { text, missing }: Member,
  value: string | undefined,
  memory: RepeatedValue,
  line: LineWriter,
): void {
  if (value === undefined) {
    line.bytes(missing);
    return;
  }
  line.bytes(text);
  line.repeated(value, memory);
  line.character(QUOTE);
}

function writeNumber({ number }: Member, value: number, line: LineWriter): void {
  line.bytes(number);
  line.number(value);
}

/** A string in Istio's format, because there it is a field of the response. */
function writeServiceTime(milliseconds: number | undefined, line: LineWriter): void {
  if (milliseconds === undefined) {
    line.bytes(SERVICE_TIME.missing);
    return;
  }
  line.bytes(SERVICE_TIME.text);
  line.number(milliseconds);
  line.character(QUOTE);
}

function quoted(text: string | undefined): string {
  if (text === undefined) return 'null';
  const bytes = Buffer.alloc(valueBytes(text));
  const line = new LineWriter('json');
  line.begin(bytes, 0);
  line.value(text);
  return `"${bytes.toString('latin1', 0, line.end)}"`;
}
