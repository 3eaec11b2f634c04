import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_HEADER_BLOCK_BYTES } from '../limits.ts';
import { ErrorCode, Flag, FrameType } from './frames.ts';
import type { FieldList } from './message-fields.ts';
import { connectedPair, exchange, rawFrame, type TestPeer } from './test-peer.ts';

const GET: FieldList = [':method', 'GET', ':scheme', 'http', ':authority', 'a', ':path', '/'];
const OK: FieldList = [':status', '200'];

/** Octets as RFC 9113 6.5.2 counts them. */
function sizeOf(fields: FieldList): number {
  return fields.reduce((sum, text) => sum + text.length + 16, 0);
}

/** Fields of about this size in all, in fields of some 2 KiB. */
function large(size: number): string[] {
  const fields: string[] = [];
  for (let left = size; left > 0; left -= 2_048) {
    fields.push(`x-${fields.length}`, 'v'.repeat(Math.max(1, Math.min(left, 2_048) - 40)));
  }
  return fields;
}

function open(client: TestPeer, fields: FieldList = GET, endStream = true): number {
  const stream = client.connection.request(fields, endStream, undefined);
  if (stream === undefined) throw new Error('no stream');
  return stream.id;
}

describe('a section of the server that is larger than the client takes', () => {
  it.each([
    ['a head', 'broken 11', (send: Sender) => send.respond([...OK, ...large(30_000)])],
    ['a head of many frames', 'broken 11', (send: Sender) => send.respond([...OK, ...large(200_000)])],
    ['an interim response', 'broken 11', (send: Sender) => send.inform([':status', '103', ...large(100_000)])],
    ['trailers', 'broken 11', (send: Sender) => send.respond(OK).trailers(large(100_000))],
  ])('%s ends its stream alone', (_, ending, say) => {
    for (const piece of [7, 1_000, 1 << 20]) {
      const [client, server] = connectedPair();
      const [first, bad, other] = [open(client), open(client), open(client)];
      exchange(client, server, piece);
      new Sender(server, first).respond([...OK, 'x-shared', 'value']);
      exchange(client, server, piece);
      say(new Sender(server, bad));
      new Sender(server, other).respond([...OK, 'x-shared', 'value', 'x-1', 'later']).trailers(['x-sum', '1']);
      exchange(client, server, piece);
      expect(client.events(bad).slice(-2)).toEqual([ending, 'closed']);
      expect(client.heads.get(other)).toEqual([...OK, 'x-shared', 'value', 'x-1', 'later']);
      expect(client.events(other)).toEqual(['headers', 'trailers x-sum=1', 'closed']);
      expect([client.error, server.error]).toEqual([undefined, undefined]);
    }
  });
});

describe('a section of the client that is larger than the server takes', () => {
  it('a head is answered with 431, and the next request is read', () => {
    const [client, server] = connectedPair();
    const bad = open(client, [...GET, ...large(200_000)]);
    const next = open(client, [...GET, 'x-1', 'later']);
    exchange(client, server);
    expect(client.heads.get(bad)).toEqual([':status', '431']);
    expect(server.events(bad)).toEqual([]);
    expect(server.heads.get(next)).toEqual([...GET, 'x-1', 'later']);
    expect([client.error, server.error]).toEqual([undefined, undefined]);
  });

  it('trailers end their stream alone', () => {
    const [client, server] = connectedPair();
    const bad = client.connection.request(GET, false, undefined);
    const other = open(client);
    exchange(client, server);
    if (bad !== undefined) client.connection.sendTrailers(bad, large(100_000));
    exchange(client, server);
    expect(server.events(1)).toEqual(['headers', 'broken 11', 'closed']);
    new Sender(server, other).respond(OK);
    exchange(client, server);
    expect(client.heads.get(other)).toEqual(OK);
    expect([client.error, server.error]).toEqual([undefined, undefined]);
  });
});

describe('a block beyond any measure ends the connection', () => {
  it.each(['client', 'server'] as const)('of a %s', (role) => {
    const [client, server] = connectedPair();
    open(client, GET, false);
    exchange(client, server);
    const peer = role === 'client' ? client : server;
    const frames = [
      rawFrame(FrameType.headers, 0, role === 'client' ? 1 : 3, Buffer.alloc(16_000, 0x82)),
      ...Array.from({ length: 30 }, () => rawFrame(FrameType.continuation, 0, 1, Buffer.alloc(16_000, 0x82))),
    ].map((frame) => Buffer.from(frame));
    if (role === 'server') for (const frame of frames) frame.writeUInt32BE(3, 5);
    let octets = 0;
    for (const frame of frames) {
      if (!peer.connection.receive(frame, 0, frame.length)) break;
      octets += frame.length;
    }
    expect(peer.error?.errorCode).toBe(ErrorCode.enhanceYourCalm);
    expect(octets).toBeLessThan(MAX_HEADER_BLOCK_BYTES + 1_000);
  });

  it('as soon as its frame begins', () => {
    const [client] = connectedPair();
    open(client);
    const frame = rawFrame(FrameType.headers, Flag.endHeaders, 1, Buffer.alloc(MAX_HEADER_BLOCK_BYTES + 1_000));
    client.connection.receive(frame, 0, 9);
    expect(client.error?.errorCode).toBe(ErrorCode.enhanceYourCalm);
  });

  it('as does a peer who never stops', () => {
    const [client, server] = connectedPair({}, { maxConcurrentStreams: 10_000 });
    let count = 0;
    for (; count < 2_000 && client.error === undefined; count++) {
      const stream = open(client);
      exchange(client, server);
      new Sender(server, stream).respond([...OK, ...large(20_000)]);
      exchange(client, server);
    }
    expect(count).toBeLessThan(1_000);
    expect(client.error?.errorCode).toBe(ErrorCode.enhanceYourCalm);
  });
});

it('whatever heads come in whatever order, those within the limit arrive as they were sent and no other does', () => {
  const limit = 2_000;
  const text = (max: number) =>
    fc.integer({ min: 0, max }).map((length) => 'abcdefgh'.repeat(max / 8).slice(0, length));
  const field = fc.tuple(
    fc.constantFrom('x-a', 'x-b', 'x-c', 'cookie', 'date'),
    fc.oneof(text(40), text(800), text(4_800)),
  );
  const heads = fc.array(
    fc.array(field, { maxLength: 8 }).map((fields) => fields.flat()),
    { minLength: 1, maxLength: 12 },
  );
  let [taken, dropped] = [0, 0];
  fc.assert(
    fc.property(heads, heads, fc.boolean(), fc.integer({ min: 1, max: 5_000 }), (asked, answered, huffman, piece) => {
      const [client, server] = connectedPair(
        { huffman, maxHeaderListSize: limit },
        { huffman, maxHeaderListSize: limit },
      );
      asked.forEach((more, index) => {
        const request = [...GET, ...more];
        const id = open(client, request);
        exchange(client, server, piece);
        const fits = sizeOf(request) <= limit;
        expect(server.heads.get(id)).toEqual(fits ? request : undefined);
        if (!fits) expect(client.heads.get(id)).toEqual([':status', '431']);
        else {
          const response = [...OK, ...(answered[index] ?? [])];
          new Sender(server, id).respond(response);
          exchange(client, server, piece);
          expect(client.heads.get(id)).toEqual(sizeOf(response) <= limit ? response : undefined);
          if (sizeOf(response) <= limit) taken++;
          else dropped++;
        }
        expect([client.error, server.error]).toEqual([undefined, undefined]);
      });
    }),
    { numRuns: 200 },
  );
  expect(taken).toBeGreaterThan(50);
  expect(dropped).toBeGreaterThan(50);
});

/** Says something on a stream of the server, whatever the client takes. */
class Sender {
  readonly #peer: TestPeer;
  readonly #id: number;

  constructor(peer: TestPeer, id: number) {
    this.#peer = peer;
    this.#id = id;
  }

  respond(fields: FieldList): this {
    this.#peer.connection.respond(this.#stream, fields, false);
    return this;
  }

  inform(fields: FieldList): this {
    this.#peer.connection.inform(this.#stream, fields);
    return this;
  }

  trailers(fields: FieldList): this {
    this.#peer.connection.sendTrailers(this.#stream, fields);
    return this;
  }

  get #stream() {
    const stream = this.#peer.stream.get(this.#id);
    if (stream === undefined) throw new Error(`no stream ${this.#id}`);
    return stream;
  }
}
