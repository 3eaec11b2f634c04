import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClientConnectionHandler } from '../exchange.ts';
import { MemorySink } from '../h2/test-peer.ts';
import { Network, Recorder } from '../test-network.ts';
import { Http1ClientConnection } from './client-connection.ts';

const letters = (characters: string, minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...Array.from(characters)), minLength, maxLength });
const name = letters("ab-_.!#$%&'*+^`|~09", 1, 10).map((text) => `x${text}`);
const value = letters('aZ0 \t:;,=/\\"\xe4\xff{}', 0, 60).map((text) => text.trim());
const fields = fc.array(fc.tuple(name, value), { maxLength: 12 }).map((pairs) => pairs.flat());
const content = fc.option(fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 5 }), { nil: undefined });

describe('what is written is what is read', () => {
  it('of requests and responses with any fields, content and trailers, in any pieces', () => {
    fc.assert(
      fc.property(
        fc.record({
          method: fc.constantFrom('GET', 'POST', 'DELETE', 'X-ODD'),
          path: letters('/a?=&%20.;~"{}|\\', 0, 40).map((text) => `/${text}`),
          status: fc.constantFrom('200', '404', '599'),
          fields,
          content,
          trailers: fields,
          declare: fc.boolean(),
          piece: fc.integer({ min: 1, max: 2000 }),
        }),
        ({ method, path, status, fields: list, content: pieces, trailers, declare, piece }) => {
          const network = new Network();
          network.piece = piece;
          const whole = Buffer.concat(pieces ?? []).toString('latin1');
          const declared = declare && pieces !== undefined;
          const length = declared ? ['content-length', String(whole.length)] : [];
          const request = [
            ':method',
            method,
            ':scheme',
            'http',
            ':authority',
            'a:1',
            ':path',
            path,
            ...list,
            ...length,
          ];
          const response = [':status', status, ...list, ...length];
          const atServer = new Recorder();
          const { client } = network.link(
            'h1',
            {},
            {
              onRequest: (exchange, read, endStream) => {
                atServer.exchange = exchange;
                atServer.fields = read;
                exchange.receiver = atServer;
                atServer.done = () => {
                  exchange.respond(response, pieces === undefined);
                  if (pieces === undefined) return;
                  for (const bytes of pieces) exchange.sendData(Buffer.from(bytes), 0, bytes.length, false);
                  exchange.sendTrailers(trailers);
                };
                if (endStream) atServer.done();
              },
            },
          );
          for (let round = 0; round < 2; round++) {
            atServer.content = '';
            const atClient = new Recorder();
            const exchange = client.request(request, pieces === undefined, atClient);
            atClient.exchange = exchange;
            for (const bytes of pieces ?? []) exchange?.sendData(Buffer.from(bytes), 0, bytes.length, false);
            if (pieces !== undefined) exchange?.sendTrailers(trailers);
            network.run();
            const empty = pieces === undefined ? ['content-length', '0'] : [];
            expect(atServer.fields).toEqual([...request, ...(method === 'POST' ? empty : [])]);
            expect(atClient.fields).toEqual([...response, ...empty]);
            expect([atServer.content, atClient.content]).toEqual([whole, whole]);
            const ends = declared || pieces === undefined ? [] : trailers;
            expect([atServer.trailers, atClient.trailers]).toEqual([ends, ends]);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('whatever a server answers', () => {
  const SEEDS = [
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
    'HTTP/1.0 200 OK\r\nX: y\r\n\r\nuntil close',
  ];

  function read(octets: Buffer, sizes: readonly number[]): unknown {
    const log: string[] = [];
    const note: ClientConnectionHandler = {
      onAvailable: () => log.push('available'),
      onRetired: () => log.push('retired'),
      onPauseReading: () => log.push('pause'),
      onResumeReading: () => log.push('resume'),
      onOutputEnd: () => log.push('output ends'),
      onEnd: (error, cut) => log.push(`end ${error?.message ?? ''} ${cut}`),
    };
    const connection = new Http1ClientConnection(new MemorySink(), note);
    const recorder = new Recorder();
    recorder.exchange = connection.request([':method', 'GET', ':authority', 'a', ':path', '/'], true, recorder);
    let piece = 0;
    for (let at = 0; at < octets.length; ) {
      const end = Math.min(octets.length, at + (sizes[piece++ % sizes.length] ?? 1));
      if (!connection.receive(octets, at, end)) break;
      at = end;
    }
    connection.receiveEnd();
    // Whether it was offered again before the octets too many arrived depends on the pieces.
    const { events, fields: head, content: body, trailers, reset } = recorder;
    return { events, head, body, trailers, reset, log: log.filter((line) => line !== 'available') };
  }

  it('means the same in any pieces', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...SEEDS), { minLength: 1, maxLength: 2 }),
        fc.array(
          fc.tuple(fc.nat(200), fc.constantFrom('', '\r', '\n', '\0', ' ', ':', ';', '0', '5', 'a', '\r\n'), fc.nat(2)),
          { maxLength: 3 },
        ),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 20 }),
        (parts, changes, sizes) => {
          let text = parts.join('');
          for (const [place, insert, gone] of changes) {
            const at = place % (text.length + 1);
            text = text.slice(0, at) + insert + text.slice(at + gone);
          }
          const octets = Buffer.from(text, 'latin1');
          expect(read(octets, sizes)).toEqual(read(octets, [octets.length + 1]));
        },
      ),
      { numRuns: 1000 },
    );
  });
});
