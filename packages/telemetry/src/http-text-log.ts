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
import { LogTime, valueBytes, writeAscii, writeBare, writeEscaped, writeNumber } from './log-bytes.ts';
import { formatFlags } from './response-flag-set.ts';

const LINE_FEED = 0x0a;
const QUOTE = 0x22;
const SPACE = 0x20;
const DASH = 0x2d;

/** Istio's default text format, with `-` for what is missing, and our own fields behind it as `name="value"`. */
export class HttpTextLog implements HttpAccessLog {
  readonly #time = new LogTime();
  readonly #noUpstream: LoggedUpstream = this.upstream(UNKNOWN_UPSTREAM);
  readonly #noRoute: LoggedRoute = { name: Buffer.from('-') };

  downstream({ localAddress, remoteAddress, serverName, principal, workload }: DownstreamFacts): LoggedDownstream {
    return {
      addresses: Buffer.from(`${bare(localAddress)} ${bare(remoteAddress)} ${bare(serverName)} `),
      source: Buffer.from(` source_principal=${quoted(principal)} source_workload=${quoted(workload)}`),
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
    const upstream = record.upstream ?? this.#noUpstream;
    const route = record.route ?? this.#noRoute;
    if (at + lineBytes(record, upstream, route) > into.length) return -1;
    let end = at;
    into[end] = 0x5b;
    end = this.#time.write(record.startTime, into, end + 1);
    into[end] = 0x5d;
    into[end + 1] = SPACE;
    into[end + 2] = QUOTE;
    end = bareSpace(record.method, into, end + 3);
    end = bareSpace(record.path, into, end);
    end = record.protocol === undefined ? dash(into, end) : writeBare(record.protocol, into, end);
    into[end] = QUOTE;
    into[end + 1] = SPACE;
    end = numberSpace(record.status, into, end + 2);
    end = writeAscii(formatFlags(record.flags), into, end);
    into[end] = SPACE;
    end = bareSpace(record.details, into, end + 1);
    end = bareSpace(record.terminationDetails, into, end);
    end = quotedSpace(record.transportFailure, into, end);
    end = numberSpace(record.bytesReceived, into, end);
    end = numberSpace(record.bytesSent, into, end);
    end = numberSpace(record.duration, into, end);
    if (record.upstreamServiceTime === undefined) end = bareSpace(undefined, into, end);
    else end = numberSpace(record.upstreamServiceTime, into, end);
    end = quotedSpace(record.forwardedFor, into, end);
    end = quotedSpace(record.userAgent, into, end);
    end = quotedSpace(record.requestId, into, end);
    end = quotedSpace(record.authority, into, end);
    end = copyBytes(upstream.target, into, end);
    end = copyBytes(record.downstream.addresses, into, end);
    end = copyBytes(route.name, into, end);
    end = copyBytes(record.downstream.source, into, end);
    end = copyBytes(upstream.destination, into, end);
    end = writeAscii(' policy=', into, end);
    end = quotedSpace(record.policy, into, end);
    end = writeAscii('reason=', into, end);
    end = quotedSpace(record.reason, into, end);
    // In place of the last space.
    into[end - 1] = LINE_FEED;
    return end;
  }
}

function dash(into: Buffer, at: number): number {
  into[at] = DASH;
  return at + 1;
}

function bareSpace(text: string | undefined, into: Buffer, at: number): number {
  const end = text === undefined ? dash(into, at) : writeBare(text, into, at);
  into[end] = SPACE;
  return end + 1;
}

function quotedSpace(text: string | undefined, into: Buffer, at: number): number {
  into[at] = QUOTE;
  const end = text === undefined ? dash(into, at + 1) : writeEscaped(text, into, at + 1, 'text');
  into[end] = QUOTE;
  into[end + 1] = SPACE;
  return end + 2;
}

function numberSpace(value: number, into: Buffer, at: number): number {
  const end = writeNumber(value, into, at);
  into[end] = SPACE;
  return end + 1;
}

function bare(text: string | undefined): string {
  if (text === undefined) return '-';
  const bytes = Buffer.alloc(valueBytes(text));
  return bytes.toString('latin1', 0, writeBare(text, bytes, 0));
}

function quoted(text: string | undefined): string {
  const bytes = Buffer.alloc(valueBytes(text) + 3);
  return bytes.toString('latin1', 0, quotedSpace(text, bytes, 0) - 1);
}
