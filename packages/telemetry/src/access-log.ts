import type { SocketAddress } from '@ambit/core/address';
import { formatSocketAddress } from '@ambit/core/address';
import { LOG_VALUE_CHARACTERS } from './limits.ts';
import type { ResponseFlag } from './response-flags.ts';

/** One end of connections in the access log. */
export interface AccessParty {
  readonly workload?: string | undefined;
  readonly namespace?: string | undefined;
  /** `spiffe://…`, only when mutual TLS proved it. */
  readonly identity?: string | undefined;
  readonly cluster?: string | undefined;
}

/** What all connections between two ends have in common. */
export interface AccessRoute {
  /** Number of the process, the first part of `connection.id`. */
  readonly process: number;
  readonly direction: 'inbound' | 'outbound';
  readonly source: AccessParty;
  readonly destination: AccessParty;
  /** Hostname of the service. */
  readonly service?: string | undefined;
}

/** What is logged of one connection beside its route, when it ends. */
export interface AccessEvent {
  /** The end of the connection, in milliseconds since 1970. */
  readonly time: number;
  /** Its number in this process; also in the logs of what went wrong with it. */
  readonly connection: number;
  /** The trace id that both proxies of a tunnel know. */
  readonly traceId: string | undefined;
  readonly source: SocketAddress;
  /** Outbound the next hop, inbound what was reached, port 15008 included. */
  readonly destination: SocketAddress;
  /** The CONNECT target. */
  readonly hboneAddress: string | undefined;
  /** From the reporter's view: to the destination when outbound, to the source when inbound. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly responseFlag: ResponseFlag;
  /** `namespace/name` of the policy that decided. */
  readonly policy: string | undefined;
  readonly rule: number | undefined;
  /** Reason code of the decision or refusal. */
  readonly reason: string | undefined;
  /** Set when it failed: one sentence that names the probable cause. */
  readonly error: string | undefined;
}

/**
 * `text`: tab separated time, level, `access`, message, then `name=value` pairs. `json`: the same as one object.
 */
export type AccessFormat = 'json' | 'text';

/** How a format writes the parts of a line. */
interface Notation {
  readonly beforeTime: Readonly<Record<'error' | 'info', string>>;
  /** Between the time and the first value, an address. */
  readonly afterTime: Readonly<Record<'error' | 'info', string>>;
  readonly end: string;
  /** What stands before the value of a field that is not the first. */
  field(name: string): string;
  /** An address or id, which the text format writes as it is. */
  bare(value: string): string;
}

const TEXT: Notation = {
  beforeTime: { error: '', info: '' },
  afterTime: {
    error: '\terror\taccess\tconnection complete\tsrc.addr=',
    info: '\tinfo\taccess\tconnection complete\tsrc.addr=',
  },
  end: '\n',
  field: (name) => ` ${name}=`,
  // A bare value must not be able to end itself: what has other characters than an address or id is quoted.
  bare: (value) => (isBare(value) ? value : quote(value)),
};

const JSON_LINE: Notation = {
  beforeTime: { error: '{"level":"error","time":"', info: '{"level":"info","time":"' },
  afterTime: {
    error: '","scope":"access","message":"connection complete","src.addr":',
    info: '","scope":"access","message":"connection complete","src.addr":',
  },
  end: '}\n',
  field: (name) => `,"${name}":`,
  bare: quote,
};

/** Writes the access-log lines of one route. What is the same in all of them is rendered once. */
export class AccessLines {
  readonly #notation: Notation;
  /** From behind the source's address to the destination's. */
  readonly #afterSource: string;
  readonly #hboneAddress: string;
  /** From behind the CONNECT target to the value of `bytes_sent`. */
  readonly #afterTarget: string;
  readonly #bytesReceived: string;
  readonly #duration: string;
  readonly #responseFlag: string;
  /** To the number of the connection. */
  readonly #connection: string;
  readonly #afterConnection: string;
  readonly #traceId: string;
  readonly #quotedAddress: string;
  #lastTarget: string | undefined;
  #lastTargetText = '';

  constructor(format: AccessFormat, { process, direction, source, destination, service }: AccessRoute) {
    const notation = format === 'json' ? JSON_LINE : TEXT;
    const quoted = (name: string, value: string | undefined): string =>
      value === undefined ? '' : notation.field(name) + quote(value);
    const party = (end: 'dst' | 'src', { workload, namespace, identity, cluster }: AccessParty): string =>
      quoted(`${end}.workload`, workload) +
      quoted(`${end}.namespace`, namespace) +
      quoted(`${end}.identity`, identity) +
      quoted(`${end}.cluster`, cluster);
    this.#notation = notation;
    // Numbers and addresses are harmless; JSON wants the latter in quotes.
    this.#quotedAddress = format === 'json' ? '"' : '';
    this.#afterSource = party('src', source) + notation.field('dst.addr');
    this.#hboneAddress = notation.field('dst.hbone_addr');
    this.#afterTarget =
      quoted('dst.service', service) +
      party('dst', destination) +
      quoted('direction', direction) +
      notation.field('bytes_sent');
    this.#bytesReceived = notation.field('bytes_recv');
    this.#duration = `${notation.field('duration')}"`;
    this.#responseFlag = `ms"${notation.field('response_flags')}"`;
    this.#connection = `"${notation.field('connection.id')}${this.#quotedAddress}${process}-`;
    this.#afterConnection = this.#quotedAddress;
    this.#traceId = notation.field('trace.id');
  }

  /** One line with its line feed. */
  line(event: AccessEvent): string {
    const notation = this.#notation;
    const quotes = this.#quotedAddress;
    const level = event.error === undefined ? 'info' : 'error';
    const source = `${quotes}${formatSocketAddress(event.source)}${quotes}`;
    const destination = `${quotes}${formatSocketAddress(event.destination)}${quotes}`;
    const target = event.hboneAddress === undefined ? '' : this.#target(event.hboneAddress);
    const duration = Math.round(event.duration);
    let text =
      `${notation.beforeTime[level]}${timestamp(event.time)}${notation.afterTime[level]}${source}` +
      `${this.#afterSource}${destination}${target}${this.#afterTarget}${event.bytesSent}` +
      `${this.#bytesReceived}${event.bytesReceived}${this.#duration}${duration}` +
      `${this.#responseFlag}${event.responseFlag}${this.#connection}${event.connection}${this.#afterConnection}`;
    if (event.traceId !== undefined) text += this.#traceId + notation.bare(event.traceId);
    if (event.policy !== undefined) text += notation.field('policy') + quote(event.policy);
    if (event.rule !== undefined) text += `${notation.field('rule')}${event.rule}`;
    if (event.reason !== undefined) text += notation.field('reason') + quote(event.reason);
    if (event.error !== undefined) text += notation.field('error') + quote(event.error);
    return text + notation.end;
  }

  /** Most tunnels of a route have one target. */
  #target(authority: string): string {
    if (authority !== this.#lastTarget) {
      this.#lastTarget = authority;
      this.#lastTargetText = this.#hboneAddress + this.#notation.bare(authority);
    }
    return this.#lastTargetText;
  }
}

let lastTime = Number.NaN;
let lastTimestamp = '';

/** Many connections end in the same millisecond. */
function timestamp(time: number): string {
  if (time !== lastTime) {
    lastTime = time;
    lastTimestamp = new Date(time).toISOString();
  }
  return lastTimestamp;
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
