import type { SocketAddress } from '@ambit/core/address';
import { formatSocketAddress } from '@ambit/core/address';
import { LOG_VALUE_CHARACTERS } from './limits.ts';
import type { ResponseFlag } from './response-flags.ts';

/** One end of a connection in the access log. */
export interface AccessParty {
  readonly address: SocketAddress;
  readonly workload?: string | undefined;
  readonly namespace?: string | undefined;
  /** `spiffe://…`, only when mutual TLS proved it. */
  readonly identity?: string | undefined;
  readonly cluster?: string | undefined;
}

/** Facts of the TLS connection of the tunnel. */
export interface AccessTls {
  readonly version: string;
  readonly cipher: string;
  /** Serial number of the peer's certificate in hexadecimal. */
  readonly peerSerial?: string | undefined;
}

/** All that is logged about one connection, written when it ends; plain data for structured clone. */
export interface AccessRecord {
  /** The end of the connection, in milliseconds since 1970. */
  readonly time: number;
  /** Unique in this process; also in the logs of what went wrong with it. */
  readonly connectionId: string;
  /** The trace id that both proxies of a tunnel know. */
  readonly traceId?: string | undefined;
  readonly direction: 'inbound' | 'outbound';
  readonly source: AccessParty;
  /** Outbound the next hop, inbound what was reached, port 15008 included. */
  readonly destination: AccessParty;
  /** The CONNECT target. */
  readonly hboneAddress?: string | undefined;
  /** Hostname of the service. */
  readonly service?: string | undefined;
  /** From the reporter's view: to the destination when outbound, to the source when inbound. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly responseFlag: ResponseFlag;
  /** `namespace/name` of the policy that decided. */
  readonly policy?: string | undefined;
  readonly rule?: number | undefined;
  /** Reason code of the decision or refusal. */
  readonly reason?: string | undefined;
  readonly tls?: AccessTls | undefined;
  /** Set when it failed: one sentence that names the probable cause. */
  readonly error?: string | undefined;
}

type Field = readonly [name: string, value: number | string | undefined, style: 'bare' | 'quoted'];

/** One line without line feed, tab separated: time, level, `access`, message, then `name=value` pairs. */
export function formatAccessText(record: AccessRecord): string {
  let pairs = '';
  for (const [name, value, style] of fieldsOf(record)) {
    if (value === undefined) continue;
    if (pairs.length > 0) pairs += ' ';
    pairs += `${name}=${typeof value === 'number' ? String(value) : textValue(value, style)}`;
  }
  return `${timestamp(record.time)}\t${levelOf(record)}\taccess\tconnection complete\t${pairs}`;
}

/** The same as one JSON object without line feed. */
export function formatAccessJson(record: AccessRecord): string {
  let line = `{"level":"${levelOf(record)}","time":"${timestamp(record.time)}"`;
  line += ',"scope":"access","message":"connection complete"';
  for (const [name, value] of fieldsOf(record)) {
    if (value === undefined) continue;
    line += `,"${name}":${typeof value === 'number' ? String(value) : quote(value)}`;
  }
  return `${line}}`;
}

function fieldsOf(record: AccessRecord): Field[] {
  const { source, destination, tls } = record;
  return [
    ['src.addr', formatSocketAddress(source.address), 'bare'],
    ['src.workload', source.workload, 'quoted'],
    ['src.namespace', source.namespace, 'quoted'],
    ['src.identity', source.identity, 'quoted'],
    ['src.cluster', source.cluster, 'quoted'],
    ['dst.addr', formatSocketAddress(destination.address), 'bare'],
    ['dst.hbone_addr', record.hboneAddress, 'bare'],
    ['dst.service', record.service, 'quoted'],
    ['dst.workload', destination.workload, 'quoted'],
    ['dst.namespace', destination.namespace, 'quoted'],
    ['dst.identity', destination.identity, 'quoted'],
    ['dst.cluster', destination.cluster, 'quoted'],
    ['direction', record.direction, 'quoted'],
    ['bytes_sent', record.bytesSent, 'bare'],
    ['bytes_recv', record.bytesReceived, 'bare'],
    ['duration', `${Math.round(record.duration)}ms`, 'quoted'],
    ['response_flags', record.responseFlag, 'quoted'],
    ['connection.id', record.connectionId, 'bare'],
    ['trace.id', record.traceId, 'bare'],
    ['tls.version', tls?.version, 'quoted'],
    ['tls.cipher', tls?.cipher, 'quoted'],
    ['tls.peer_serial', tls?.peerSerial, 'quoted'],
    ['policy', record.policy, 'quoted'],
    ['rule', record.rule, 'bare'],
    ['reason', record.reason, 'quoted'],
    ['error', record.error, 'quoted'],
  ];
}

function levelOf({ error }: AccessRecord): 'error' | 'info' {
  return error === undefined ? 'info' : 'error';
}

function timestamp(time: number): string {
  return new Date(time).toISOString();
}

/** A bare value must not be able to end itself: what has other characters than an address or id is quoted. */
function textValue(value: string, style: Field[2]): string {
  return style === 'bare' && value.length <= LOG_VALUE_CHARACTERS && /^[\w.:[\]*/-]+$/.test(value)
    ? value
    : quote(value);
}

// What JSON leaves as it is, and a terminal or a reader of lines may take for a command: DEL and C1 controls, line and
// paragraph separators, marks that turn the direction of writing, the byte order mark.
const HOSTILE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** A JSON string in which nothing can end the line, the value, or act on a terminal. */
function quote(value: string): string {
  const short = value.length > LOG_VALUE_CHARACTERS ? `${value.slice(0, LOG_VALUE_CHARACTERS)}…` : value;
  return JSON.stringify(short).replace(HOSTILE, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
