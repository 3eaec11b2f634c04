import { type IpAddress, ipToBytes } from '@ambit/core/address';

/** Types and codes of RFC 1035 3.2.2, 4.1.1 and RFC 3596 2.1. */
export const TYPE_A = 1;
export const TYPE_CNAME = 5;
export const TYPE_AAAA = 28;
const TYPE_OPT = 41;
const CLASS_IN = 1;

export const RCODE_NOERROR = 0;
export const RCODE_FORMERR = 1;
export const RCODE_SERVFAIL = 2;

const HEADER = 12;
const FLAG_QR = 0x8000;
const FLAG_AA = 0x0400;
const FLAG_TC = 0x0200;
const FLAG_RD = 0x0100;
const FLAG_RA = 0x0080;
const OPCODE = 0x7800;

/** The largest UDP answer to a client that does not say what it takes (RFC 1035 4.2.1). */
export const UDP_PAYLOAD = 512;

/** A query with one question in class IN: the only kind that may be answered from the model. */
export interface DnsQuestion {
  /** Lower case, without the final dot. */
  readonly name: string;
  readonly type: number;
  /** Where the question section ends in the message. */
  readonly end: number;
  /** Bytes the client takes over UDP (RFC 6891 6.2.3), at least 512; undefined without EDNS. */
  readonly ednsPayload: number | undefined;
}

export type ParsedQuery =
  | { readonly kind: 'question'; readonly question: DnsQuestion }
  /** Well formed as far as it was read, but not ours to answer: other opcodes, classes, several questions. */
  | { readonly kind: 'forward' }
  /** Not a query at all: a response, or shorter than a header. */
  | { readonly kind: 'drop' }
  | { readonly kind: 'malformed' };

/** Reads a query. Never throws; never follows compression pointers in a question, where they make no sense. */
export function parseQuery(message: Buffer): ParsedQuery {
  if (message.length < HEADER) return { kind: 'drop' };
  const flags = message.readUInt16BE(2);
  if ((flags & FLAG_QR) !== 0) return { kind: 'drop' };
  if ((flags & OPCODE) !== 0) return { kind: 'forward' };
  const [questions, answers, authorities, additional] = [4, 6, 8, 10].map((offset) => message.readUInt16BE(offset));
  if (questions !== 1 || answers !== 0 || authorities !== 0)
    return questions === 0 ? { kind: 'malformed' } : { kind: 'forward' };
  const name = readName(message, HEADER);
  if (name === undefined || name.end + 4 > message.length) return { kind: 'malformed' };
  const type = message.readUInt16BE(name.end);
  const end = name.end + 4;
  if (message.readUInt16BE(name.end + 2) !== CLASS_IN) return { kind: 'forward' };
  let ednsPayload: number | undefined;
  if (additional === 1) {
    // The root name, type OPT, then the payload size in place of the class.
    if (end + 11 > message.length) return { kind: 'malformed' };
    if (message[end] === 0 && message.readUInt16BE(end + 1) === TYPE_OPT)
      ednsPayload = Math.max(UDP_PAYLOAD, message.readUInt16BE(end + 3));
  } else if (additional !== 0) {
    return { kind: 'forward' };
  }
  return { kind: 'question', question: { name: name.text, type, end, ednsPayload } };
}

function readName(message: Buffer, start: number): { text: string; end: number } | undefined {
  const labels: string[] = [];
  let at = start;
  for (;;) {
    const length = message[at];
    // 255 octets in all, 63 in a label (RFC 1035 2.3.4); anything above 63 is a pointer or reserved.
    if (length === undefined || length > 63 || at - start + length + 1 > 255) return undefined;
    at += 1;
    if (length === 0) return { text: labels.join('.'), end: at };
    if (at + length > message.length) return undefined;
    labels.push(message.toString('latin1', at, at + length).toLowerCase());
    at += length;
  }
}

export interface DnsAnswer {
  readonly rcode: number;
  /** When set, the question's name is an alias of this one and the addresses belong to it. */
  readonly canonicalName?: string | undefined;
  /** Addresses of the asked family, in the order in which they are written. */
  readonly addresses: readonly IpAddress[];
  /** Seconds. */
  readonly ttl: number;
}

/** The response to `query`. Over UDP (`limit` set) answers that do not fit are left out and TC is set (RFC 2181 9). */
export function writeAnswer(query: Buffer, question: DnsQuestion, answer: DnsAnswer, limit?: number): Buffer {
  const records: Buffer[] = [];
  let owner = HEADER;
  let size = question.end + (question.ednsPayload === undefined ? 0 : 11);
  if (answer.canonicalName !== undefined) {
    const target = writeName(answer.canonicalName);
    owner = question.end + 12;
    records.push(writeRecord(HEADER, TYPE_CNAME, answer.ttl, target));
    size += 12 + target.length;
  }
  let truncated = false;
  for (const address of answer.addresses) {
    const record = writeRecord(owner, question.type, answer.ttl, ipToBytes(address));
    if (limit !== undefined && size + record.length > limit) {
      truncated = true;
      break;
    }
    records.push(record);
    size += record.length;
  }
  const head = Buffer.from(query.subarray(0, question.end));
  const asked = query.readUInt16BE(2);
  head.writeUInt16BE(FLAG_QR | FLAG_AA | FLAG_RA | (asked & FLAG_RD) | (truncated ? FLAG_TC : 0) | answer.rcode, 2);
  head.writeUInt16BE(records.length, 6);
  head.writeUInt16BE(question.ednsPayload === undefined ? 0 : 1, 10);
  if (question.ednsPayload !== undefined) records.push(writeOpt());
  return Buffer.concat([head, ...records]);
}

/** A response without answers to a message of which nothing but the header may be understood. */
export function writeFailure(query: Buffer, rcode: number): Buffer {
  const head = Buffer.alloc(HEADER);
  query.copy(head, 0, 0, 2);
  head.writeUInt16BE(FLAG_QR | FLAG_RA | (query.readUInt16BE(2) & (FLAG_RD | OPCODE)) | rcode, 2);
  return head;
}

function writeRecord(owner: number, type: number, ttl: number, data: Uint8Array): Buffer {
  const record = Buffer.alloc(12 + data.length);
  record.writeUInt16BE(0xc000 | owner, 0);
  record.writeUInt16BE(type, 2);
  record.writeUInt16BE(CLASS_IN, 4);
  record.writeUInt32BE(ttl, 6);
  record.writeUInt16BE(data.length, 10);
  record.set(data, 12);
  return record;
}

function writeName(name: string): Buffer {
  const parts = name.split('.').filter((label) => label.length > 0);
  return Buffer.concat([
    ...parts.map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label, 'latin1')])),
    Buffer.of(0),
  ]);
}

function writeOpt(): Buffer {
  const record = Buffer.alloc(11);
  record.writeUInt16BE(TYPE_OPT, 1);
  record.writeUInt16BE(4_096, 3);
  return record;
}
