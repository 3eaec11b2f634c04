import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClientConnection, ServerExchange } from '../exchange.ts';
import { Network, Recorder } from '../test-network.ts';
import { UnwritableError } from '../unwritable.ts';
import { connectRequest, upgradeRequest } from './connect-protocol.ts';
import { ErrorCode, Flag, FrameType } from './frames.ts';
import type { FieldList } from './message-fields.ts';
import { connectedPair, exchange, framesOf, rawFrame, TestPeer } from './test-peer.ts';

const ASK = [
  ':method',
  'GET',
  ':scheme',
  'http',
  ':authority',
  'a',
  ':path',
  '/chat',
  'sec-websocket-version',
  '13',
  'upgrade',
  'websocket',
];

/** A client and a server, the request that came, and what either side received. */
function asked(answer?: (exchange: ServerExchange) => void): {
  network: Network;
  client: ClientConnection;
  request: FieldList;
  endStream: boolean;
  server: ServerExchange;
  atClient: Recorder;
  atServer: Recorder;
} {
  const network = new Network();
  const atServer = new Recorder();
  let request: FieldList = [];
  let ended = false;
  const { client } = network.link(
    'h2',
    {},
    {
      onRequest: (came, fields, endStream) => {
        request = fields;
        ended = endStream;
        atServer.exchange = came;
        came.receiver = atServer;
        answer?.(came);
      },
    },
  );
  network.run();
  const atClient = new Recorder();
  const sent = client.request(ASK, false, atClient);
  if (sent === undefined) throw new Error('no request');
  atClient.exchange = sent;
  network.run();
  const server = atServer.exchange as ServerExchange;
  return { network, client, request, endStream: ended, server, atClient, atServer };
}

const bytes = (text: string): [Buffer, number, number] => [Buffer.from(text), 0, text.length];
const SWITCH = [':status', '101', 'upgrade', 'websocket', 'x', 'y'];

describe('an upgrade in HTTP/2 (RFC 8441)', () => {
  it('is the request that it would be in HTTP/1, and is agreed to like that', () => {
    const { network, request, endStream, server, atClient, atServer } = asked();
    expect(request).toEqual([...ASK.slice(0, -2), 'upgrade', 'websocket']);
    expect([endStream, server.upgrade, server.expectsContinue]).toEqual([false, 'websocket', false]);
    server.respond(SWITCH, false);
    server.sendData(...bytes('welcome'), false);
    network.run();
    expect(atClient.fields).toEqual([':status', '101', 'upgrade', 'websocket', 'x', 'y']);
    expect(atClient.content).toBe('welcome');
    atClient.exchange?.sendData(...bytes('hello'), true);
    network.run();
    expect([atServer.content, atServer.complete]).toEqual(['hello', true]);
    server.sendData(...bytes(' and bye'), true);
    network.run();
    expect([atClient.content, atClient.complete]).toEqual(['welcome and bye', true]);
    expect([atClient.reset, atServer.reset]).toEqual([undefined, undefined]);
  });

  it('is on the wire a CONNECT, and a success', () => {
    const [client, server] = connectedPair({}, { connectProtocol: true });
    expect(client.connection.peer.connectProtocol).toBe(true);
    const stream = client.connection.request(connectRequest(ASK, 'websocket'), false, undefined, 'CONNECT');
    exchange(client, server);
    expect(server.heads.get(1)?.slice(0, 10).join(' ')).toBe(
      ':method CONNECT :protocol websocket :scheme http :authority a :path /chat',
    );
    expect(server.heads.get(1)).not.toContain('upgrade');
    expect(stream?.closed).toBe(false);
  });

  it('that is not agreed to is answered as other requests', () => {
    const { network, server, atClient } = asked();
    server.respond([':status', '403', 'content-length', '2'], false);
    server.sendData(...bytes('no'), true);
    network.run();
    expect([atClient.fields[1], atClient.content, atClient.complete]).toEqual(['403', 'no', true]);
  });

  it.each([
    ['a success', [':status', '200']],
    ['no content', [':status', '204']],
    ['another protocol', [':status', '101', 'upgrade', 'other']],
    ['no protocol', [':status', '101']],
  ])('cannot be answered with %s, which would read as consent', (_, fields) => {
    const { network, server, atClient } = asked();
    expect(() => {
      server.respond(fields, true);
    }).toThrow(UnwritableError);
    server.respond([':status', '501'], true);
    network.run();
    expect(atClient.fields[1]).toBe('501');
  });

  it.each(['client', 'server'] as const)('ends at once when trailers of the %s come', (side) => {
    const { network, server, atClient, atServer } = asked((came) => {
      came.respond(SWITCH, false);
    });
    (side === 'client' ? atClient.exchange : server)?.sendTrailers(['x', 'y']);
    network.run();
    expect((side === 'client' ? atServer : atClient).reset?.cause).toBe('malformed');
    expect((side === 'client' ? atClient : atServer).reset?.errorCode).toBe(ErrorCode.protocolError);
  });

  it('whose client ends with the head may still listen', () => {
    const [client, server] = connectedPair({}, { connectProtocol: true });
    client.connection.request(connectRequest(ASK, 'websocket'), true, undefined, 'CONNECT');
    exchange(client, server);
    expect(server.events(1)).toEqual(['headers end']);
  });

  it('by another method than GET cannot be said', () => {
    const { client } = asked();
    const fields = ASK.map((text) => (text === 'GET' ? 'POST' : text));
    expect(() => client.request(fields, false, new Recorder())).toThrow(UnwritableError);
  });

  it.each(['h2c', 'TLS/1.2', 'HTTP/2.0'])('to %s is refused with 501', (protocol) => {
    const network = new Network();
    const refused: number[] = [];
    const { client } = network.link(
      'h2',
      {},
      { onRequest: () => undefined, onRefused: (status) => refused.push(status) },
    );
    network.run();
    const recorder = new Recorder();
    client.request([...ASK.slice(0, -1), protocol], false, recorder);
    network.run();
    expect([refused, recorder.fields[1]]).toEqual([[501], '501']);
  });
});

describe('what the server offers', () => {
  it('is known with its SETTINGS, and heard by who waits', () => {
    const network = new Network();
    const { client } = network.link('h2', {}, { onRequest: () => undefined });
    const heard: unknown[] = [];
    const room = client.available;
    client.whenSettled(() => heard.push(client.upgrades));
    expect([client.upgrades, client.available]).toEqual([undefined, room - 1]);
    expect(() => client.request(ASK, false, new Recorder())).toThrow(UnwritableError);
    network.run();
    expect([heard, client.upgrades]).toEqual([[true], true]);
    client.whenSettled(() => heard.push('again'));
    expect(heard).toEqual([true, 'again']);
  });

  it('is heard of by who waits when the connection ends before', () => {
    const network = new Network();
    const { client } = network.link('h2', {}, { onRequest: () => undefined });
    const heard: unknown[] = [];
    client.whenSettled(() => heard.push([client.upgrades, client.available]));
    client.abort(undefined);
    expect(heard).toEqual([[undefined, 0]]);
  });

  it('is nothing unless it says so: then CONNECT with :protocol is malformed', () => {
    const [client, server] = connectedPair();
    expect(client.connection.peer.connectProtocol).toBe(false);
    client.connection.request(connectRequest(ASK, 'websocket'), false, undefined, 'CONNECT');
    exchange(client, server);
    expect(client.heads.get(1)).toEqual([':status', '400']);
  });

  it.each([
    ['2', '000800000002'],
    ['0 after 1', '000800000001000800000000'],
  ])('may not be %s (RFC 8441 3)', (_, payload) => {
    const client = new TestPeer({ role: 'client' });
    client.connection.start();
    const frame = rawFrame(FrameType.settings, 0, 0, payload);
    client.connection.receive(frame, 0, frame.length);
    expect(client.error?.errorCode).toBe(ErrorCode.protocolError);
  });

  it('is announced in the first SETTINGS of a server of requests', () => {
    const server = new TestPeer({ role: 'server', connectProtocol: true });
    server.connection.start();
    const [settings] = framesOf(server.sink.take());
    expect(settings?.flags ?? 0 & Flag.ack).toBe(0);
    expect(settings?.payload.toString('hex')).toContain('000800000001');
  });
});

it('whatever is asked for, the server reads the request that the client was given', () => {
  const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
  const fields = fc.array(fc.tuple(token, fc.stringMatching(/^[!-~]{0,12}$/)), { maxLength: 8 });
  fc.assert(
    fc.property(fc.stringMatching(/^\/[a-z/?=&.%]{0,20}$/), token, fields, (path, protocol, more) => {
      const others = more.flat().filter((_, at, all) => !['upgrade', 'host'].includes(all[at - (at % 2)] ?? ''));
      const request = [...ASK.slice(0, 6), ':path', path, ...others, 'upgrade', protocol];
      const connect = connectRequest(request, protocol);
      expect(upgradeRequest(connect, 'a', protocol)).toEqual(request);
    }),
  );
});
