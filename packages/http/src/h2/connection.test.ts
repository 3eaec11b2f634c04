import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeStaticBlock } from './static-block.ts';
import { ErrorCode, Flag, FrameType } from './frames.ts';
import { connectedPair, exchange, framesOf, rawFrame, TestPeer } from './test-peer.ts';

const GET = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'shop'];
const POST = [':method', 'POST', ':scheme', 'http', ':path', '/x', ':authority', 'shop'];
const CONNECT = [':method', 'CONNECT', ':authority', '10.0.0.1:80', 'baggage', 'k8s.namespace.name=a'];
const OK = [':status', '200'];

function open(
  client: TestPeer,
  fields: string[],
  endStream = false,
  method?: 'CONNECT',
): NonNullable<ReturnType<typeof client.connection.request>> {
  const stream = client.connection.request(fields, endStream, undefined, method);
  if (stream === undefined) throw new Error('no stream');
  return stream;
}

describe('requests and responses', () => {
  it('carries a GET, a POST with trailers and a tunnel side by side, in pieces of any size', () => {
    for (let size = 1; size <= 40; size++) {
      const [client, server] = connectedPair();
      server.react = (event, stream) => {
        if (event === 'headers' && stream.id === 1) {
          server.connection.inform(stream, [':status', '103', 'link', '</a>']);
          server.connection.respond(stream, [...OK, 'content-length', '5'], false);
          server.connection.sendData(stream, Buffer.from('hello'), 0, 5, true);
        }
        if (event === 'trailers') {
          server.connection.respond(stream, OK, false);
          server.connection.sendTrailers(stream, ['grpc-status', '0']);
        }
        if (event === 'headers' && stream.id === 5) server.connection.respond(stream, OK, false);
        if (event === 'end') server.connection.endStream(stream);
      };
      open(client, GET, true);
      const post = open(client, [...POST, 'content-length', '3']);
      client.connection.sendData(post, Buffer.from('abc'), 0, 3, false);
      client.connection.sendTrailers(post, ['x-sum', '6']);
      const tunnel = open(client, CONNECT, false, 'CONNECT');
      client.connection.sendData(tunnel, Buffer.from('opaque'), 0, 6, true);
      exchange(client, server, size);
      expect(client.events(1)).toEqual(['informational 103', 'headers', 'end', 'closed']);
      expect(client.text(1)).toBe('hello');
      expect(server.heads.get(3)).toEqual([...POST, 'content-length', '3']);
      expect(server.events(3)).toEqual(['headers', 'trailers x-sum=6', 'closed']);
      expect(client.events(3)).toEqual(['headers', 'trailers grpc-status=0', 'closed']);
      expect(server.events(5)).toEqual(['headers', 'end', 'closed']);
      expect(server.text(5)).toBe('opaque');
      expect(client.connection.streams.size + server.connection.streams.size).toBe(0);
    }
  });

  it('sends the same static block on many streams and connections', () => {
    const block = encodeStaticBlock([...CONNECT, 'x-a', 'b'], true);
    for (let round = 0; round < 2; round++) {
      const [client, server] = connectedPair();
      for (let count = 0; count < 3; count++) client.connection.request(block, false, undefined, 'CONNECT');
      exchange(client, server);
      expect([...server.heads.values()]).toEqual([1, 2, 3].map(() => [...CONNECT, 'x-a', 'b']));
    }
  });

  it('splits header sections above 16 KiB into CONTINUATION frames', () => {
    const [client, server] = connectedPair({}, { maxFrameSize: 16_384 });
    open(client, [...GET, 'x-long', 'v'.repeat(40_000)], true);
    exchange(client, server, 1000);
    expect(server.heads.get(1)?.at(-1)?.length).toBe(40_000);
  });

  it('lets each side end without the other', () => {
    const [client, server] = connectedPair();
    const stream = open(client, CONNECT, false, 'CONNECT');
    client.connection.endStream(stream);
    exchange(client, server);
    const accepted = server.stream.get(1);
    if (accepted === undefined) throw new Error('no stream');
    server.connection.respond(accepted, OK, false);
    server.connection.sendData(accepted, Buffer.from('late'), 0, 4, false);
    exchange(client, server);
    expect(client.text(1)).toBe('late');
    expect(client.connection.streams.size).toBe(1);
    server.connection.endStream(accepted);
    exchange(client, server);
    expect(client.events(1)).toEqual(['headers', 'end', 'closed']);
  });

  it('passes resets with their code both ways and frees the stream', () => {
    const [client, server] = connectedPair();
    const first = open(client, CONNECT, false, 'CONNECT');
    open(client, CONNECT, false, 'CONNECT');
    exchange(client, server);
    client.connection.resetStream(first, ErrorCode.cancel);
    const second = server.stream.get(3);
    if (second !== undefined) server.connection.resetStream(second, ErrorCode.connectError);
    exchange(client, server);
    expect(server.events(1)).toEqual(['headers', `reset ${ErrorCode.cancel}`, 'closed']);
    expect(client.events(1)).toEqual(['closed']);
    expect(client.events(3)).toEqual([`reset ${ErrorCode.connectError}`, 'closed']);
    expect(client.connection.streams.size + server.connection.streams.size).toBe(0);
  });

  it('any sequence of writes arrives in order through any windows, frame sizes, buffers and pieces', () => {
    const options = fc.record({
      streamWindow: fc.integer({ min: 1, max: 70_000 }),
      maxFrameSize: fc.integer({ min: 16_384, max: 40_000 }),
    });
    fc.assert(
      fc.property(
        options,
        options,
        fc.array(fc.integer({ min: 0, max: 60_000 }), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 50_000 }),
        fc.integer({ min: 20_000, max: 100_000 }),
        (clientOptions, serverOptions, sizes, pieceSize, sinkSize) => {
          const client = new TestPeer({ role: 'client', ...clientOptions }, sinkSize);
          const server = new TestPeer({ role: 'server', ...serverOptions }, sinkSize);
          const left = new Map<number, Buffer>();
          const write = (peer: TestPeer, id: number): void => {
            const stream = peer.connection.streams.get(id);
            const bytes = left.get(id) ?? Buffer.alloc(0);
            if (stream !== undefined && !stream.localEnded) {
              left.set(id, bytes.subarray(peer.connection.sendData(stream, bytes, 0, bytes.length, true)));
            }
          };
          client.react = (event, stream) => {
            if (event === 'writable') write(client, stream.id);
          };
          server.react = (event, stream) => {
            if (event === 'headers') server.connection.respond(stream, OK, false);
            if (event === 'end') server.connection.endStream(stream);
          };
          client.connection.start();
          server.connection.start();
          exchange(client, server, pieceSize);
          const contents = sizes.map((size, index) => Buffer.alloc(size, String(index)));
          contents.forEach((content, index) => {
            const stream = open(client, CONNECT, false, 'CONNECT');
            expect(stream.id).toBe(index * 2 + 1);
            left.set(stream.id, content);
            write(client, stream.id);
          });
          exchange(client, server, pieceSize);
          expect(client.error ?? server.error).toBeUndefined();
          contents.forEach((content, index) => {
            expect(Buffer.concat(server.content.get(index * 2 + 1) ?? []).equals(content)).toBe(true);
          });
          expect(client.connection.streams.size + server.connection.streams.size).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('flow control', () => {
  it('stops at 65,535 octets and frames of 16 KiB before the peer said more', () => {
    const client = new TestPeer({ role: 'client' });
    client.connection.start();
    const stream = open(client, CONNECT, false, 'CONNECT');
    const sent = client.connection.sendData(stream, Buffer.alloc(100_000), 0, 100_000, true);
    expect(sent).toBe(65_535);
    const sizes = framesOf(client.sink.take().subarray(24))
      .filter(({ type }) => type === FrameType.data)
      .map(({ payload }) => payload.length);
    expect(Math.max(...sizes)).toBe(16_384);
  });

  it('a receiver that gives nothing back stalls its stream, not the others', () => {
    const [client, server] = connectedPair({}, { streamWindow: 20_000 });
    server.holdsData = true;
    const stuck = open(client, CONNECT, false, 'CONNECT');
    const other = open(client, CONNECT, false, 'CONNECT');
    expect(client.connection.sendData(stuck, Buffer.alloc(50_000), 0, 50_000, false)).toBe(20_000);
    expect(client.connection.sendData(other, Buffer.alloc(10_000), 0, 10_000, true)).toBe(10_000);
    exchange(client, server);
    expect(server.text(3).length).toBe(10_000);
    const held = server.stream.get(1);
    if (held === undefined) throw new Error('no stream');
    server.connection.release(held, 20_000);
    exchange(client, server);
    expect(client.events(1)).toEqual(['writable']);
    expect(client.connection.reserveData(stuck, 100_000)).toBe(20_000);
  });

  it('follows SETTINGS_INITIAL_WINDOW_SIZE down below zero and up again', () => {
    const [client] = connectedPair({}, { streamWindow: 1000 });
    const stream = open(client, CONNECT, false, 'CONNECT');
    client.connection.sendData(stream, Buffer.alloc(900), 0, 900, false);
    const settings = (value: number): Buffer => {
      const payload = Buffer.alloc(6);
      payload.writeUInt16BE(4, 0);
      payload.writeUInt32BE(value, 2);
      return rawFrame(FrameType.settings, 0, 0, payload);
    };
    client.connection.receive(settings(500), 0, 15);
    expect(stream.sendWindow).toBe(-400);
    expect(client.connection.reserveData(stream, 10)).toBe(0);
    client.connection.receive(settings(901), 0, 15);
    expect(client.events(1)).toEqual(['writable']);
    expect(client.connection.reserveData(stream, 10)).toBe(1);
  });

  it('serves streams that wait for the connection in turn', () => {
    const [client, server] = connectedPair(
      {},
      { streamWindow: 1 << 20, connectionWindow: 65_535, maxFrameSize: 16_384 },
    );
    const served: number[] = [];
    const streams = [1, 2, 3].map(() => open(client, CONNECT, false, 'CONNECT'));
    client.react = (event, stream) => {
      if (event !== 'writable') return;
      served.push(stream.id);
      const size = client.connection.reserveData(stream, 16_384);
      if (size > 0) client.connection.commitData(stream, size, false);
      client.connection.reserveData(stream, 16_384);
    };
    const [first] = streams;
    if (first === undefined) throw new Error('no stream');
    client.connection.sendData(first, Buffer.alloc(70_000), 0, 70_000, false);
    for (const stream of streams) client.connection.reserveData(stream, 1);
    for (let round = 0; round < 4; round++) exchange(client, server);
    expect(new Set(served.slice(0, 3))).toEqual(new Set([1, 3, 5]));
  });

  it('counts padding and gives it back', () => {
    const server = new TestPeer({ role: 'server', streamWindow: 2000, connectionWindow: 65_535 });
    server.connection.start();
    const [client] = connectedPair();
    client.sink.take();
    const preface = new TestPeer({ role: 'client' });
    preface.connection.start();
    preface.connection.request(CONNECT, false, undefined, 'CONNECT');
    const start = preface.sink.take();
    server.connection.receive(start, 0, start.length);
    const padded = rawFrame(
      FrameType.data,
      Flag.padded,
      1,
      Buffer.concat([Buffer.from([200, 0x61]), Buffer.alloc(200)]),
    );
    for (let round = 0; round < 1000; round++) {
      for (let at = 0; at < padded.length; at++) server.connection.receive(padded, at, at + 1);
    }
    expect(server.error).toBeUndefined();
    expect(server.text(1)).toBe('a'.repeat(1000));
  });

  it('keeps control frames for a peer that does not read, and says no beyond the limit', () => {
    const client = new TestPeer({ role: 'client' }, 100);
    client.connection.start();
    const ping = rawFrame(FrameType.ping, 0, 0, Buffer.from('12345678'));
    client.connection.receive(rawFrame(FrameType.settings, 0, 0), 0, 9);
    for (let count = 0; count < 20; count++) client.connection.receive(ping, 0, ping.length);
    expect(client.connection.wantsOutput).toBe(true);
    let out = Buffer.alloc(0);
    while (client.connection.wantsOutput) {
      out = Buffer.concat([out, client.sink.take()]);
      client.connection.outputDrained();
    }
    out = Buffer.concat([out, client.sink.take()]).subarray(24);
    expect(framesOf(out).filter(({ type, flags }) => type === FrameType.ping && flags === 1)).toHaveLength(20);
    for (let count = 0; count < 40_000 && client.error === undefined; count++) {
      client.clock.now += 1;
      client.connection.receive(ping, 0, ping.length);
    }
    expect(client.error?.errorCode).toBe(ErrorCode.enhanceYourCalm);
  });
});

describe('going away', () => {
  it('a server drains in two steps: what was under way is served, what comes later is refused for a retry', () => {
    const [client, server] = connectedPair();
    const old = open(client, CONNECT, false, 'CONNECT');
    exchange(client, server);
    server.connection.drain();
    const crossing = open(client, CONNECT, false, 'CONNECT');
    exchange(client, server);
    expect(client.seen.filter(([event]) => event === 'goaway').map(([, , last]) => last)).toEqual([0x7fff_ffff, 3]);
    expect(client.connection.openable).toBe(0);
    expect(client.connection.request(CONNECT, false, undefined)).toBeUndefined();
    for (const stream of [old, crossing]) {
      client.connection.endStream(stream);
      exchange(client, server);
      const accepted = server.stream.get(stream.id);
      if (accepted !== undefined) server.connection.respond(accepted, OK, true);
      exchange(client, server);
    }
    expect(server.seen.at(-1)).toEqual(['drained', 0]);
    expect(client.connection.streams.size).toBe(0);
  });

  it('streams above the last id come back as refused', () => {
    const [client] = connectedPair();
    open(client, CONNECT, false, 'CONNECT');
    open(client, CONNECT, false, 'CONNECT');
    const frame = rawFrame(FrameType.goAway, 0, 0, '0000000100000000');
    client.connection.receive(frame, 0, frame.length);
    expect(client.events(1)).toEqual([]);
    expect(client.events(3)).toEqual([`reset ${ErrorCode.refusedStream}`, 'closed']);
  });

  it('answers a ping', () => {
    const [client, server] = connectedPair();
    client.connection.ping();
    exchange(client, server);
    expect(client.seen.at(-1)).toEqual(['pong', 0]);
  });
});
