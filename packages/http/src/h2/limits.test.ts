import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CLIENT_PREFACE, ErrorCode, Flag, FrameType } from './frames.ts';
import { framesOf, rawFrame, TestPeer } from './test-peer.ts';

// :method CONNECT, :authority "a:1" as literals without indexing.
const CONNECT_BLOCK = Buffer.concat([
  Buffer.from([0x02, 7]),
  Buffer.from('CONNECT'),
  Buffer.from([0x01, 3]),
  Buffer.from('a:1'),
]);
const GET_BLOCK = Buffer.from([0x82, 0x86, 0x84]);

function server(): { peer: TestPeer; send: (...frames: Buffer[]) => void } {
  const peer = new TestPeer({ role: 'server' });
  peer.connection.start();
  const send = (...frames: Buffer[]): void => {
    for (const frame of frames) {
      peer.connection.receive(frame, 0, frame.length);
      if (!peer.connection.ended) peer.sink.take();
    }
  };
  send(CLIENT_PREFACE, rawFrame(FrameType.settings, 0, 0));
  return { peer, send };
}

const headers = (id: number, block: Buffer = CONNECT_BLOCK, flags: number = Flag.endHeaders): Buffer =>
  rawFrame(FrameType.headers, flags, id, block);
const reset = (id: number): Buffer => rawFrame(FrameType.resetStream, 0, id, '00000008');

function until(peer: TestPeer, limit: number, step: (count: number) => void): number {
  let count = 0;
  while (count < limit && peer.error === undefined) step(count++);
  return count;
}

describe('a peer that makes work without paying for it is sent away', () => {
  it('rapid reset: 10,000 requests reset at once', () => {
    const { peer, send } = server();
    const count = until(peer, 10_000, (n) => send(headers(2 * n + 1), reset(2 * n + 1)));
    expect(count).toBeLessThan(1000);
    expect(peer.error?.errorCode).toBe(ErrorCode.enhanceYourCalm);
    expect(framesOf(peer.sink.take()).at(-1)).toMatchObject({ type: FrameType.goAway });
  });

  it('resets after the answer are ordinary: tunnels that applications reset', () => {
    const { peer, send } = server();
    peer.react = (event, stream) => {
      if (event === 'headers') peer.connection.respond(stream, [':status', '200'], false);
    };
    expect(until(peer, 5000, (n) => send(headers(2 * n + 1), reset(2 * n + 1)))).toBe(5000);
  });

  it('resets that the peer provokes (MadeYouReset) spend the same budget', () => {
    const { peer, send } = server();
    peer.react = (event, stream) => {
      if (event === 'headers') peer.connection.respond(stream, [':status', '200'], false);
    };
    const zero = (id: number): Buffer => rawFrame(FrameType.windowUpdate, 0, id, '00000000');
    expect(until(peer, 10_000, (n) => send(headers(2 * n + 1), zero(2 * n + 1)))).toBeLessThan(1000);
    const malformed = server();
    expect(
      until(malformed.peer, 10_000, (n) => malformed.send(headers(2 * n + 1, GET_BLOCK.subarray(0, 2)))),
    ).toBeLessThan(1000);
  });

  it.each([
    ['PING', rawFrame(FrameType.ping, 0, 0, '0000000000000000')],
    ['SETTINGS', rawFrame(FrameType.settings, 0, 0)],
    ['acknowledgements of SETTINGS', rawFrame(FrameType.settings, Flag.ack, 0)],
    ['PRIORITY', rawFrame(FrameType.priority, 0, 3, '0000000000')],
    ['unknown frames', rawFrame(0x7f, 0, 0)],
    ['WINDOW_UPDATE', rawFrame(FrameType.windowUpdate, 0, 0, '00000001')],
    ['empty DATA', rawFrame(FrameType.data, 0, 1)],
    ['DATA that is all padding', rawFrame(FrameType.data, Flag.padded, 1, '020000')],
  ])('a flood of %s within one moment, but not at a moderate rate', (_, frame) => {
    const flooded = server();
    flooded.send(headers(1));
    expect(until(flooded.peer, 20_000, () => flooded.send(frame))).toBeLessThan(20_000);
    expect(flooded.peer.error?.errorCode).toBe(ErrorCode.enhanceYourCalm);
    const moderate = server();
    moderate.send(headers(1));
    const count = until(moderate.peer, 3000, () => {
      moderate.peer.clock.now += 100;
      moderate.send(frame);
    });
    expect(count).toBe(3000);
  });

  it('a flood of requests behind our last GOAWAY, while one stream stays open', () => {
    const { peer, send } = server();
    send(headers(1));
    peer.connection.drain();
    const ping = framesOf(peer.sink.take()).find(({ type }) => type === FrameType.ping);
    send(rawFrame(FrameType.ping, Flag.ack, 0, ping?.payload));
    expect(until(peer, 20_000, (n) => send(headers(2 * n + 3, GET_BLOCK)))).toBeLessThan(20_000);
    expect(peer.error?.errorCode).toBe(ErrorCode.enhanceYourCalm);
  });

  it('a header block that never ends, in octets or in frames', () => {
    const { peer, send } = server();
    send(headers(1, Buffer.alloc(16_000, 0x82), 0));
    until(peer, 20, () => send(rawFrame(FrameType.continuation, 0, 1, Buffer.alloc(16_000, 0x82))));
    expect(peer.error?.errorCode).toBe(ErrorCode.enhanceYourCalm);
    const empty = server();
    empty.send(headers(1, Buffer.from([0x82]), 0));
    expect(until(empty.peer, 100, () => empty.send(rawFrame(FrameType.continuation, 0, 1)))).toBeLessThan(40);
    const large = server();
    large.send(rawFrame(FrameType.headers, Flag.endHeaders, 1, Buffer.alloc(300_000)).subarray(0, 9));
    expect(large.peer.error?.errorCode).toBe(ErrorCode.enhanceYourCalm);
  });

  it('a header list beyond 64 KiB is answered with 431 and the connection goes on', () => {
    const { peer } = server();
    const value = Buffer.alloc(1000, 'v');
    const field = Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0xe9, 0x06]), value]);
    const bomb = Buffer.concat([CONNECT_BLOCK, field, Buffer.alloc(2000, 0xbe)]);
    const frame = headers(1, bomb);
    peer.sink.take();
    peer.connection.receive(frame, 0, frame.length);
    const [answer, end] = framesOf(peer.sink.take());
    expect(answer).toMatchObject({ type: FrameType.headers, streamId: 1 });
    expect(answer?.payload.toString('latin1')).toContain('431');
    expect(end).toMatchObject({ type: FrameType.resetStream, streamId: 1 });
    expect(peer.connection.receive(headers(3), 0, headers(3).length)).toBe(true);
    expect(peer.events(3)).toEqual(['headers']);
  });

  it('more streams than allowed are refused, each for a retry', () => {
    const { peer, send } = server();
    until(peer, 200, (n) => send(headers(2 * n + 1)));
    const frame = headers(401);
    peer.connection.receive(frame, 0, frame.length);
    expect(framesOf(peer.sink.take())).toMatchObject([
      { type: FrameType.resetStream, streamId: 401, payload: Buffer.from([0, 0, 0, 7]) },
    ]);
    expect(peer.connection.streams.size).toBe(200);
  });
});

describe('malformed requests are answered with 400 and reset, the connection goes on', () => {
  const literal = (name: string, value: string): Buffer =>
    Buffer.concat([
      Buffer.from([0, name.length]),
      Buffer.from(name, 'latin1'),
      Buffer.from([value.length]),
      Buffer.from(value, 'latin1'),
    ]);
  const get = [literal(':method', 'GET'), literal(':scheme', 'http'), literal(':path', '/')];
  it.each([
    ['CONNECT without authority', [literal(':method', 'CONNECT')]],
    ['CONNECT with a path', [CONNECT_BLOCK, literal(':path', '/')]],
    ['GET without path', get.slice(0, 2)],
    ['an empty path', [...get.slice(0, 2), literal(':path', '')]],
    ['a pseudo-header twice', [...get, literal(':path', '/')]],
    ['a pseudo-header behind a field', [...get, literal('a', 'b'), literal(':authority', 'c')]],
    ['an unknown pseudo-header', [...get, literal(':protocol', 'websocket')]],
    ['an upper-case name', [...get, literal('Accept', 'b')]],
    ['a line break in a value', [...get, literal('a', 'b\r\nc: d')]],
    ['an empty name', [...get, literal('', 'b')]],
    ['connection', [...get, literal('connection', 'close')]],
    ['te other than trailers', [...get, literal('te', 'gzip')]],
    ['two lengths', [...get, literal('content-length', '1'), literal('content-length', '2')]],
    ['a signed length', [...get, literal('content-length', '+1')]],
    ['host and authority that differ', [...get, literal(':authority', 'a'), literal('host', 'b')]],
    ['user information', [...get, literal(':authority', 'user@a')]],
  ])('%s', (_, block) => {
    const { peer } = server();
    peer.sink.take();
    const frame = headers(1, Buffer.concat(block), Flag.endHeaders | Flag.endStream);
    expect(peer.connection.receive(frame, 0, frame.length)).toBe(true);
    const [answer, end] = framesOf(peer.sink.take());
    expect(answer?.payload).toEqual(Buffer.from([0x8c]));
    expect(end).toMatchObject({ type: FrameType.resetStream, payload: Buffer.from([0, 0, 0, 1]) });
    expect(peer.events(1)).toEqual([]);
  });

  it('content that differs from its declared length resets the stream', () => {
    const { peer, send } = server();
    const block = Buffer.concat([...get, literal('content-length', '3')]);
    send(headers(1, block), rawFrame(FrameType.data, 0, 1, Buffer.from('abcd')));
    send(headers(3, block), rawFrame(FrameType.data, Flag.endStream, 3, Buffer.from('ab')));
    send(headers(5, block, Flag.endHeaders | Flag.endStream));
    expect([1, 3].map((id) => peer.events(id).at(-2))).toEqual(['broken 1', 'broken 1']);
    expect(peer.events(5)).toEqual(['broken 1', 'closed']);
  });
});

describe('whatever arrives', () => {
  const octets = fc.uint8Array({ maxLength: 300 });
  const frame = fc
    .record({
      type: fc.integer({ min: 0, max: 11 }),
      flags: fc.integer({ min: 0, max: 255 }),
      id: fc.integer({ min: 0, max: 9 }),
      payload: octets,
    })
    .map(({ type, flags, id, payload }) => rawFrame(type, flags, id, payload));
  const plausible = fc.constantFrom(
    headers(1),
    headers(3),
    headers(5, GET_BLOCK, Flag.endHeaders | Flag.endStream),
    rawFrame(FrameType.data, 0, 1, '616263'),
    rawFrame(FrameType.data, Flag.endStream, 1),
    reset(3),
    rawFrame(FrameType.windowUpdate, 0, 1, '00000010'),
    rawFrame(FrameType.settings, 0, 0, '000400000010'),
  );

  it('ends in an orderly state or a typed connection error, for both roles and any cut', () => {
    const input = fc.array(
      fc.oneof(
        octets.map((bytes) => Buffer.from(bytes)),
        frame,
        plausible,
      ),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(
        fc.constantFrom('client' as const, 'server' as const),
        fc.boolean(),
        input,
        fc.integer({ min: 1, max: 64 }),
        (role, polite, parts, size) => {
          const peer = new TestPeer({ role });
          peer.connection.start();
          if (role === 'client')
            peer.connection.request([':method', 'CONNECT', ':authority', 'a:1'], false, undefined, 'CONNECT');
          const opening = polite
            ? [...(role === 'server' ? [CLIENT_PREFACE] : []), rawFrame(FrameType.settings, 0, 0)]
            : [];
          const bytes = Buffer.concat([...opening, ...parts]);
          for (let at = 0; at < bytes.length; at += size)
            peer.connection.receive(bytes, at, Math.min(bytes.length, at + size));
          expect(peer.connection.ended).toBe(peer.error !== undefined);
          expect(peer.seen.filter(([event]) => event === 'error').length).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 1500 },
    );
  });

  it('means the same in one piece and octet by octet', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(plausible, frame), { maxLength: 15 }), (parts) => {
        const bytes = Buffer.concat([CLIENT_PREFACE, rawFrame(FrameType.settings, 0, 0), ...parts]);
        const [whole, pieces] = [1, 2].map(() => {
          const peer = new TestPeer({ role: 'server' });
          peer.connection.start();
          return peer;
        });
        whole?.connection.receive(bytes, 0, bytes.length);
        for (let at = 0; at < bytes.length; at++) pieces?.connection.receive(bytes, at, at + 1);
        expect(pieces?.seen).toEqual(whole?.seen);
        expect([1, 3, 5, 7, 9].map((id) => pieces?.text(id))).toEqual([1, 3, 5, 7, 9].map((id) => whole?.text(id)));
        expect(pieces?.sink.take()).toEqual(whole?.sink.take());
      }),
      { numRuns: 500 },
    );
  });
});
