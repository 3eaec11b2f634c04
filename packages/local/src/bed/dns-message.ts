import { type IpAddress, ipToBytes } from '@ambit/core/address';

/** RFC 1035 3.2.2, RFC 3596, RFC 2782. */
export const TYPE_A = 1;
export const TYPE_CNAME = 5;
export const TYPE_AAAA = 28;
export const TYPE_SRV = 33;

export const NO_ERROR = 0;
export const NAME_ERROR = 3;
export const NOT_IMPLEMENTED = 4;

const CLASS_IN = 1;
const HEADER_BYTES = 12;

/** The one question of a query. */
export interface Question {
  readonly id: number;
  readonly opcode: number;
  readonly recursionDesired: boolean;
  /** Lower case, without the final dot. */
  readonly name: string;
  readonly type: number;
  /** The question as it came, to be repeated letter by letter (clients check the case). */
  readonly bytes: Buffer;
}

export type Answer =
  | { readonly type: 'address'; readonly name: string; readonly ip: IpAddress }
  | { readonly type: 'alias'; readonly name: string; readonly target: string }
  | { readonly type: 'server'; readonly name: string; readonly port: number; readonly target: string };

/** Reads a query; undefined for what deserves no answer at all (cut short, an answer itself, not one question). */
export function readQuestion(packet: Buffer): Question | undefined {
  if (packet.length < HEADER_BYTES || (packet.readUInt16BE(2) & 0x8000) !== 0 || packet.readUInt16BE(4) !== 1)
    return undefined;
  const labels: string[] = [];
  let offset = HEADER_BYTES;
  for (;;) {
    const length = packet[offset];
    // A question is the first name of a message, so it never points to an earlier one.
    if (length === undefined || length > 63) return undefined;
    offset += 1;
    if (length === 0) break;
    if (offset + length > packet.length || offset - HEADER_BYTES > 255) return undefined;
    labels.push(packet.toString('latin1', offset, offset + length).toLowerCase());
    offset += length;
  }
  if (offset + 4 > packet.length) return undefined;
  return {
    id: packet.readUInt16BE(0),
    opcode: (packet.readUInt16BE(2) >> 11) & 0xf,
    recursionDesired: (packet.readUInt16BE(2) & 0x0100) !== 0,
    name: labels.join('.'),
    type: packet.readUInt16BE(offset),
    bytes: Buffer.from(packet.subarray(HEADER_BYTES, offset + 4)),
  };
}

/** The answer to a question, authoritative; `limit` is what fits into one datagram: beyond it the answer is cut and says so. */
export function writeAnswer(
  question: Question,
  code: number,
  answers: readonly Answer[],
  seconds: number,
  limit: number,
): Buffer {
  const records = answers.map((answer) => record(answer, seconds));
  const whole = Buffer.concat([header(question, code, answers.length, false), question.bytes, ...records]);
  return whole.length <= limit ? whole : Buffer.concat([header(question, code, 0, true), question.bytes]);
}

function header(question: Question, code: number, answers: number, cut: boolean): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.writeUInt16BE(question.id, 0);
  const flags =
    0x8000 |
    (question.opcode << 11) |
    0x0400 |
    (cut ? 0x0200 : 0) |
    (question.recursionDesired ? 0x0100 : 0) |
    0x0080 |
    code;
  bytes.writeUInt16BE(flags, 2);
  bytes.writeUInt16BE(1, 4);
  bytes.writeUInt16BE(answers, 6);
  return bytes;
}

function record(answer: Answer, seconds: number): Buffer {
  const { type, data } = recordData(answer);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(CLASS_IN, 2);
  fixed.writeUInt32BE(seconds, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([nameBytes(answer.name), fixed, data]);
}

function recordData(answer: Answer): { type: number; data: Uint8Array } {
  switch (answer.type) {
    case 'address': {
      const data = ipToBytes(answer.ip);
      return { type: data.length === 4 ? TYPE_A : TYPE_AAAA, data };
    }
    case 'alias':
      return { type: TYPE_CNAME, data: nameBytes(answer.target) };
    case 'server': {
      const fixed = Buffer.alloc(6);
      fixed.writeUInt16BE(100, 2);
      fixed.writeUInt16BE(answer.port, 4);
      return { type: TYPE_SRV, data: Buffer.concat([fixed, nameBytes(answer.target)]) };
    }
  }
}

function nameBytes(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from(label, 'latin1'));
  return Buffer.concat([...labels.flatMap((label) => [Buffer.of(label.length), label]), Buffer.of(0)]);
}
