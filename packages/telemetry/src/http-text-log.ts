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
import { formatFlags, NO_FLAGS } from './response-flag-set.ts';

const LINE_FEED = 0x0a;
const QUOTE = 0x22;
const SPACE = 0x20;
const DASH = 0x2d;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const UNDECIDED: Buffer = Buffer.from(' policy="-" reason="-"\n');
const POLICY: Buffer = Buffer.from(' policy=');
const TRACE_ID: Buffer = Buffer.from(' trace_id=');
const REASON: Buffer = Buffer.from('reason=');

/** Istio's default text format, with `-` for what is missing, and our own fields behind it as `name="value"`. */
export class HttpTextLog implements HttpAccessLog {
  readonly #line: LineWriter = new LineWriter('text');
  readonly #noUpstream: LoggedUpstream = this.upstream(UNKNOWN_UPSTREAM);
  readonly #noRoute: LoggedRoute = { name: Buffer.from('-') };

  downstream({ localAddress, remoteAddress, serverName, principal, workload }: DownstreamFacts): LoggedDownstream {
    return {
      addresses: Buffer.from(`${bare(localAddress)} ${bare(remoteAddress)} ${bare(serverName)} `),
      source: Buffer.from(` source_principal=${quoted(principal)} source_workload=${quoted(workload)}`),
      userAgent: new RepeatedValue(),
      authority: new RepeatedValue(),
    };
  }

  upstream({ host, cluster, localAddress, workload }: UpstreamFacts): LoggedUpstream {
    return {
      target: Buffer.from(`${quoted(host)} ${bare(cluster)} ${bare(localAddress)} `),
      destination: Buffer.from(` destination_workload=${quoted(workload)}`),
    };
  }

  route(name: string): LoggedRoute {
    return { name: Buffer.from(bare(name)) };
  }

  writeLine(record: HttpLogRecord, into: Buffer, at: number): number {
    const { downstream } = record;
    const upstream = record.upstream ?? this.#noUpstream;
    const route = record.route ?? this.#noRoute;
    if (at + lineBytes(record, upstream, route) > into.length) return -1;
    const line = this.#line;
    line.begin(into, at);
    line.character(OPENING_BRACKET);
    line.time(record.startTime);
    line.character(CLOSING_BRACKET);
    line.character(SPACE);
    line.character(QUOTE);
    bareSpace(record.method, line);
    bareSpace(record.path, line);
    if (record.protocol === undefined) line.character(DASH);
    else line.bareValue(record.protocol);
    line.character(QUOTE);
    line.character(SPACE);
    numberSpace(record.status, line);
    bareSpace(record.flags === NO_FLAGS ? undefined : formatFlags(record.flags), line);
    bareSpace(record.details, line);
    bareSpace(record.terminationDetails, line);
    quotedSpace(record.transportFailure, line);
    numberSpace(record.bytesReceived, line);
    numberSpace(record.bytesSent, line);
    numberSpace(record.duration, line);
    if (record.upstreamServiceTime === undefined) bareSpace(undefined, line);
    else numberSpace(record.upstreamServiceTime, line);
    quotedSpace(record.forwardedFor, line);
    repeatedSpace(record.userAgent, downstream.userAgent, line);
    quotedSpace(record.requestId, line);
    repeatedSpace(record.authority, downstream.authority, line);
    line.bytes(upstream.target);
    line.bytes(downstream.addresses);
    line.bytes(route.name);
    line.bytes(downstream.source);
    line.bytes(upstream.destination);
    if (record.traceId !== undefined) {
      line.bytes(TRACE_ID);
      line.character(QUOTE);
      line.value(record.traceId);
      line.character(QUOTE);
    }
    if (record.policy === undefined && record.reason === undefined) {
      line.bytes(UNDECIDED);
      return line.end;
    }
    line.bytes(POLICY);
    quotedSpace(record.policy, line);
    line.bytes(REASON);
    quotedSpace(record.reason, line);
    // In place of the last space.
    into[line.end - 1] = LINE_FEED;
    return line.end;
  }
}

function bareSpace(text: string | undefined, line: LineWriter): void {
  if (text === undefined) line.character(DASH);
  else line.bareValue(text);
  line.character(SPACE);
}

function quotedSpace(text: string | undefined, line: LineWriter): void {
  line.character(QUOTE);
  if (text === undefined) line.character(DASH);
  else line.value(text);
  line.character(QUOTE);
  line.character(SPACE);
}

function repeatedSpace(text: string | undefined, memory: RepeatedValue, line: LineWriter): void {
  line.character(QUOTE);
  if (text === undefined) line.character(DASH);
  else line.repeated(text, memory);
  line.character(QUOTE);
  line.character(SPACE);
}

function numberSpace(value: number, line: LineWriter): void {
  line.number(value);
  line.character(SPACE);
}

function bare(text: string | undefined): string {
  return rendered(text, bareSpace);
}

function quoted(text: string | undefined): string {
  return rendered(text, quotedSpace);
}

/** What `write` writes, without the last space. */
function rendered(text: string | undefined, write: (text: string | undefined, line: LineWriter) => void): string {
  const bytes = Buffer.alloc(valueBytes(text) + 1);
  const line = new LineWriter('text');
  line.begin(bytes, 0);
  write(text, line);
  return bytes.toString('latin1', 0, line.end - 1);
}
