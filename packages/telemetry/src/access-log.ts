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

/** One line without line feed, tab separated: time, level, `access`, message, then `name=value` pairs. */
export function formatAccessText(record: AccessRecord): string {
  const line = new TextLine(`${timestamp(record.time)}\t${levelOf(record)}\taccess\tconnection complete\t`);
  writeFields(record, line);
  return line.text;
}

/** The same as one JSON object without line feed. */
export function formatAccessJson(record: AccessRecord): string {
  const head = `{"level":"${levelOf(record)}","time":"${timestamp(record.time)}","scope":"access"`;
  const line = new JsonLine(`${head},"message":"connection complete"`);
  writeFields(record, line);
  return `${line.text}}`;
}

/** Appends fields in one of the formats; what is undefined is left out. */
interface FieldWriter {
  /** A text that stands in quotes. */
  quoted(name: string, value: string | undefined): void;
  /** An address or id, which the text format writes as it is. */
  bare(name: string, value: string | undefined): void;
  number(name: string, value: number | undefined): void;
}

function writeFields(record: AccessRecord, line: FieldWriter): void {
  const { source, destination, tls } = record;
  line.bare('src.addr', formatSocketAddress(source.address));
  line.quoted('src.workload', source.workload);
  line.quoted('src.namespace', source.namespace);
  line.quoted('src.identity', source.identity);
  line.quoted('src.cluster', source.cluster);
  line.bare('dst.addr', formatSocketAddress(destination.address));
  line.bare('dst.hbone_addr', record.hboneAddress);
  line.quoted('dst.service', record.service);
  line.quoted('dst.workload', destination.workload);
  line.quoted('dst.namespace', destination.namespace);
  line.quoted('dst.identity', destination.identity);
  line.quoted('dst.cluster', destination.cluster);
  line.quoted('direction', record.direction);
  line.number('bytes_sent', record.bytesSent);
  line.number('bytes_recv', record.bytesReceived);
  line.quoted('duration', `${Math.round(record.duration)}ms`);
  line.quoted('response_flags', record.responseFlag);
  line.bare('connection.id', record.connectionId);
  line.bare('trace.id', record.traceId);
  line.quoted('tls.version', tls?.version);
  line.quoted('tls.cipher', tls?.cipher);
  line.quoted('tls.peer_serial', tls?.peerSerial);
  line.quoted('policy', record.policy);
  line.number('rule', record.rule);
  line.quoted('reason', record.reason);
  line.quoted('error', record.error);
}

class TextLine implements FieldWriter {
  text: string;
  #space = '';

  constructor(head: string) {
    this.text = head;
  }

  quoted(name: string, value: string | undefined): void {
    if (value !== undefined) this.#append(name, quote(value));
  }

  /** A bare value must not be able to end itself: what has other characters than an address or id is quoted. */
  bare(name: string, value: string | undefined): void {
    if (value !== undefined) this.#append(name, isBare(value) ? value : quote(value));
  }

  number(name: string, value: number | undefined): void {
    if (value !== undefined) this.#append(name, String(value));
  }

  #append(name: string, value: string): void {
    this.text += `${this.#space}${name}=${value}`;
    this.#space = ' ';
  }
}

class JsonLine implements FieldWriter {
  text: string;

  constructor(head: string) {
    this.text = head;
  }

  quoted(name: string, value: string | undefined): void {
    if (value !== undefined) this.text += `,"${name}":${quote(value)}`;
  }

  bare(name: string, value: string | undefined): void {
    this.quoted(name, value);
  }

  number(name: string, value: number | undefined): void {
    if (value !== undefined) this.text += `,"${name}":${value}`;
  }
}

function levelOf({ error }: AccessRecord): 'error' | 'info' {
  return error === undefined ? 'info' : 'error';
}

function timestamp(time: number): string {
  return new Date(time).toISOString();
}

function isBare(value: string): boolean {
  return value.length <= LOG_VALUE_CHARACTERS && /^[\w.:[\]*/-]+$/.test(value);
}

// Printable ASCII without what JSON escapes: nearly every value, and nothing to do about it.
const HARMLESS = /^[ !#-[\]-~]*$/;

// What JSON leaves as it is, and a terminal or a reader of lines may take for a command: DEL and C1 controls, line and
// paragraph separators, marks that turn the direction of writing, the byte order mark.
const HOSTILE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** A JSON string in which nothing can end the line, the value, or act on a terminal. */
function quote(value: string): string {
  const short = value.length > LOG_VALUE_CHARACTERS ? `${value.slice(0, LOG_VALUE_CHARACTERS)}…` : value;
  if (HARMLESS.test(short)) return `"${short}"`;
  return JSON.stringify(short).replace(HOSTILE, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
