import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseQuery, RCODE_NOERROR, RCODE_SERVFAIL, TYPE_A, TYPE_AAAA, writeAnswer, writeFailure } from './message.ts';

function query(name: string, type: number, options: { edns?: number; flags?: number } = {}): Buffer {
  const head = Buffer.from('1234000000010000000000', 'hex');
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]));
  const message = Buffer.concat([head, Buffer.of(0), ...labels, Buffer.of(0, 0, type, 0, 1)]);
  message.writeUInt16BE(options.flags ?? 0x0100, 2);
  if (options.edns === undefined) return message;
  message.writeUInt16BE(1, 10);
  return Buffer.concat([message, Buffer.of(0, 0, 41, options.edns >> 8, options.edns & 255, 0, 0, 0, 0, 0, 0)]);
}

describe('parseQuery', () => {
  it('reads name, type and what the client takes', () => {
    expect(parseQuery(query('Payments.shop.SVC', TYPE_AAAA, { edns: 1232 }))).toEqual({
      kind: 'question',
      question: { name: 'payments.shop.svc', type: TYPE_AAAA, end: 35, ednsPayload: 1232 },
    });
  });

  it('forwards what is not a plain query, drops what is no query', () => {
    expect(parseQuery(query('a.b', TYPE_A, { flags: 0x2800 })).kind).toBe('forward');
    expect(parseQuery(query('a.b', TYPE_A, { flags: 0x8100 })).kind).toBe('drop');
    expect(parseQuery(Buffer.alloc(5)).kind).toBe('drop');
  });

  it('finds compression loops, long labels and long names malformed', () => {
    const loop = query('aa.b', TYPE_A);
    loop[12] = 0xc0;
    expect(parseQuery(loop).kind).toBe('malformed');
    expect(parseQuery(query(Array.from({ length: 64 }, () => 'abcd').join('.'), TYPE_A)).kind).toBe('malformed');
    expect(parseQuery(query('a.b', TYPE_A).subarray(0, 15)).kind).toBe('malformed');
  });

  it('answers any bytes without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const parsed = parseQuery(Buffer.from(bytes));
        expect(['question', 'forward', 'drop', 'malformed']).toContain(parsed.kind);
      }),
    );
  });
});

describe('writeAnswer', () => {
  const message = query('db.shop', TYPE_A, { edns: 1232 });
  const parsed = parseQuery(message);
  if (parsed.kind !== 'question') throw new Error('the fixture is a question');
  const { question } = parsed;

  it('writes addresses under the asked name', () => {
    const answer = writeAnswer(message, question, { rcode: RCODE_NOERROR, addresses: ['10.1.2.3'], ttl: 30 });
    expect(answer.readUInt16BE(0)).toBe(0x1234);
    expect(answer.readUInt16BE(2)).toBe(0x8580);
    expect(answer.readUInt16BE(6)).toBe(1);
    expect(answer.subarray(question.end, question.end + 16).toString('hex')).toBe('c00c000100010000001e00040a010203');
  });

  it('names the canonical name first when the question was an alias', () => {
    const answer = writeAnswer(message, question, {
      rcode: RCODE_NOERROR,
      canonicalName: 'db.shop.svc',
      addresses: ['10.1.2.3'],
      ttl: 30,
    });
    expect(answer.readUInt16BE(6)).toBe(2);
    const cname = answer.subarray(question.end);
    expect(cname.readUInt16BE(2)).toBe(5);
    const second = cname.subarray(12 + cname.readUInt16BE(10));
    expect(second.readUInt16BE(0)).toBe(0xc000 | (question.end + 12));
  });

  it('says that it is truncated when it does not fit into a datagram', () => {
    const addresses = Array.from({ length: 100 }, (_, index) => `10.0.0.${index}`);
    const answer = writeAnswer(message, question, { rcode: RCODE_NOERROR, addresses, ttl: 30 }, 512);
    expect(answer.length).toBeLessThanOrEqual(512);
    expect(answer.readUInt16BE(2) & 0x0200).toBe(0x0200);
    expect(answer.readUInt16BE(6)).toBeGreaterThan(0);
  });

  it('keeps the id and the opcode of a message it cannot read', () => {
    expect(writeFailure(query('a', TYPE_A, { flags: 0x2900 }), RCODE_SERVFAIL).toString('hex')).toBe(
      '1234a9820000000000000000',
    );
  });
});
