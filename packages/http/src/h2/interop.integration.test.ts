import { once } from 'node:events';
import {
  connect as connectHttp2,
  constants,
  createServer,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type Http2Server,
  type ServerHttp2Stream,
} from 'node:http2';
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { connectRequest } from './connect-protocol.ts';
import type { Http2Role } from './connection-options.ts';
import { ErrorCode } from './frames.ts';
import { fieldValue } from './message-fields.ts';
import type { Http2Stream } from './stream.ts';
import { TestPeer } from './test-peer.ts';

const LARGE = 'v'.repeat(100_000);

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A connection on a socket of the runtime. */
class SocketPeer extends TestPeer {
  readonly socket: Socket;

  constructor(socket: Socket, role: Http2Role) {
    super({ role, huffman: role === 'client', connectProtocol: role === 'server' });
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      this.connection.receive(bytes, 0, bytes.length);
      this.flush();
    });
    this.connection.start();
    this.flush();
  }

  flush(): void {
    do {
      this.socket.write(this.sink.take());
      if (this.connection.wantsOutput) this.connection.outputDrained();
    } while (this.sink.end > 0);
  }

  async until(reached: () => boolean): Promise<void> {
    while (!reached()) await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function port(server: Server | Http2Server): number {
  return (server.address() as AddressInfo).port;
}

/** Our server; each stream is handed to `serve` when its event comes. */
async function ourServer(
  serve: (peer: SocketPeer, event: string, stream: Http2Stream<undefined>) => void,
): Promise<{ session: ClientHttp2Session; peers: SocketPeer[] }> {
  const peers: SocketPeer[] = [];
  const server = createTcpServer((socket) => {
    const peer = new SocketPeer(socket, 'server');
    peer.react = (event, stream) => serve(peer, event, stream);
    peers.push(peer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = connectHttp2(`http://127.0.0.1:${port(server)}`, { maxSendHeaderBlockLength: 1 << 20 });
  session.on('error', () => undefined);
  closers.push(
    () => session.destroy(),
    () => server.close(),
  );
  return { session, peers };
}

async function ourClient(
  serve: (stream: ServerHttp2Stream, headers: Record<string, unknown>) => void,
): Promise<SocketPeer> {
  const server = createServer({
    maxSendHeaderBlockLength: 1 << 20,
    settings: {
      maxConcurrentStreams: 150,
      initialWindowSize: 100_000,
      maxFrameSize: 20_000,
      enableConnectProtocol: true,
    },
  });
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => undefined);
    serve(stream, headers);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect(port(server), '127.0.0.1');
  await once(socket, 'connect');
  const peer = new SocketPeer(socket, 'client');
  closers.push(
    () => socket.destroy(),
    () => server.close(),
  );
  return peer;
}

async function readAll(stream: ClientHttp2Stream): Promise<string> {
  let text = '';
  stream.setEncoding('latin1');
  for await (const piece of stream) text += String(piece);
  return text;
}

describe('our server and the client of node:http2', () => {
  it('400 requests side by side, 3 MiB up, 1 MiB down, trailers both ways', async () => {
    const left = new Map<Http2Stream<undefined>, Buffer>();
    const send = (peer: SocketPeer, stream: Http2Stream<undefined>): void => {
      const content = left.get(stream) ?? Buffer.alloc(0);
      const sent = peer.connection.sendData(stream, content, 0, content.length, false);
      left.set(stream, content.subarray(sent));
      if (sent === content.length)
        peer.connection.sendTrailers(stream, ['x-received', String(peer.text(stream.id).length)]);
    };
    const { session } = await ourServer((peer, event, stream) => {
      if (
        event === 'end' ||
        event === 'headers end' ||
        event === 'trailers' ||
        (event === 'headers' && stream.remoteEnded)
      ) {
        peer.connection.respond(
          stream,
          [':status', '200', 'x-echo', fieldValue(peer.heads.get(stream.id) ?? [], 'x-name') ?? ''],
          false,
        );
        left.set(
          stream,
          Buffer.alloc(fieldValue(peer.heads.get(stream.id) ?? [], ':path') === '/big' ? 1 << 20 : 10, 'b'),
        );
        send(peer, stream);
      }
      if (event === 'writable') send(peer, stream);
    });
    const small = Array.from({ length: 400 }, async (_, index) => {
      const stream = session.request({
        ':path': '/',
        'x-name': `näme-${index % 7}`,
        cookie: 'a=b',
        'x-number': String(index),
      });
      const [headers] = (await once(stream, 'response')) as [Record<string, string>];
      expect(headers['x-echo']).toBe(`näme-${index % 7}`);
      expect(await readAll(stream)).toBe('bbbbbbbbbb');
    });
    const upload = session.request({ ':method': 'POST', ':path': '/big', 'x-name': 'up' }, { waitForTrailers: true });
    upload.on('wantTrailers', () => upload.sendTrailers({ 'x-sum': '1' }));
    const trailers = once(upload, 'trailers') as Promise<[Record<string, string>]>;
    upload.end(Buffer.alloc(3 << 20, 'u'));
    expect((await readAll(upload)).length).toBe(1 << 20);
    expect((await trailers)[0]['x-received']).toBe(String(3 << 20));
    await Promise.all(small);
  });

  it('offers to switch protocols by CONNECT (RFC 8441), and does', async () => {
    const { session, peers } = await ourServer((peer, event, stream) => {
      if (event === 'headers') peer.connection.respond(stream, [':status', '200'], false);
      if (event === 'data') peer.connection.sendData(stream, Buffer.from('pong'), 0, 4, true);
    });
    const [settings] = (await once(session, 'remoteSettings')) as [Record<string, unknown>];
    expect(settings['enableConnectProtocol']).toBe(true);
    const socket = session.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat' });
    const [answer] = (await once(socket, 'response')) as [Record<string, unknown>];
    expect(answer[':status']).toBe(200);
    socket.write('ping');
    expect(await readAll(socket)).toBe('pong');
    expect(peers[0]?.text(1)).toBe('ping');
    expect(fieldValue(peers[0]?.heads.get(1) ?? [], ':protocol')).toBe('websocket');
    socket.destroy();
  });

  it('a CONNECT tunnel echoes, ends each way and is reset', async () => {
    const { session, peers } = await ourServer((peer, event, stream) => {
      if (event === 'headers') peer.connection.respond(stream, [':status', '200'], false);
      if (event === 'data' || event === 'end') {
        const piece = peer.content.get(stream.id)?.pop() ?? Buffer.alloc(0);
        peer.connection.sendData(stream, piece, 0, piece.length, event === 'end');
      }
    });
    const tunnel = session.request({ ':method': 'CONNECT', ':authority': '10.0.0.1:80' });
    tunnel.write('ping');
    expect(String((await once(tunnel, 'data'))[0])).toBe('ping');
    tunnel.end();
    expect(await readAll(tunnel)).toBe('');
    const second = session.request({ ':method': 'CONNECT', ':authority': '10.0.0.1:80' });
    await once(second, 'response');
    second.on('error', () => undefined);
    second.destroy(new Error('broken'));
    const [peer] = peers;
    await peer?.until(() => peer.connection.streams.size === 0);
    expect(peer?.events(3)).toEqual(['headers', `reset ${ErrorCode.internalError}`, 'closed']);
  });

  it('a request with 100 KB of fields gets 431, those beside it are served', async () => {
    const { session } = await ourServer((peer, event, stream) => {
      if (event !== 'headers') return;
      const name = fieldValue(peer.heads.get(stream.id) ?? [], 'x-name') ?? '';
      peer.connection.respond(stream, [':status', '200', 'x-echo', name], true);
    });
    const answers = ['a', LARGE, 'b', 'a'].map(async (name) => {
      const request = session.request({ ':path': '/', 'x-shared': 'shared', 'x-name': name });
      request.on('error', () => undefined);
      const [headers] = (await once(request, 'response')) as [Record<string, unknown>];
      return [headers[':status'], headers['x-echo']];
    });
    expect(await Promise.all(answers)).toEqual([
      [200, 'a'],
      [431, undefined],
      [200, 'b'],
      [200, 'a'],
    ]);
  });

  it('a drained server finishes what it has and the client goes', async () => {
    const { session, peers } = await ourServer(() => undefined);
    const stream = session.request({ ':path': '/' });
    stream.on('error', () => undefined);
    const [peer] = await (async () => {
      while (peers[0]?.connection.streams.size !== 1) await new Promise((resolve) => setTimeout(resolve, 2));
      return peers;
    })();
    const gone = once(session, 'goaway');
    peer?.connection.drain();
    peer?.flush();
    await gone;
    const accepted = peer?.stream.get(1);
    if (peer !== undefined && accepted !== undefined) {
      peer.connection.respond(accepted, [':status', '204'], true);
      peer.flush();
    }
    expect(((await once(stream, 'response')) as [Record<string, unknown>])[0][':status']).toBe(204);
    await once(session, 'close');
  });
});

describe('our client and the server of node:http2', () => {
  it('requests with Huffman and the dynamic table, content both ways within its windows, trailers', async () => {
    const peer = await ourClient((stream, headers) => {
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      stream.on('end', () => {
        stream.respond({ ':status': 200, 'x-echo': String(headers['x-name']) }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end(Buffer.concat(pieces));
      });
    });
    const content = Buffer.alloc(700_000, 'c');
    const left = new Map<number, Buffer>();
    const send = (stream: Http2Stream<undefined>): void => {
      const rest = left.get(stream.id) ?? Buffer.alloc(0);
      left.set(stream.id, rest.subarray(peer.connection.sendData(stream, rest, 0, rest.length, true)));
    };
    peer.react = (event, stream) => {
      if (event === 'writable') send(stream);
    };
    await peer.until(() => peer.connection.peer.known);
    expect(peer.connection.openable).toBe(150);
    for (let index = 0; index < 5; index++) {
      const fields = [
        ':method',
        'POST',
        ':scheme',
        'http',
        ':path',
        '/a',
        ':authority',
        'shop',
        'x-name',
        `n${index % 2}`,
      ];
      const stream = peer.connection.request(fields, false, undefined);
      if (stream === undefined) throw new Error('no stream');
      left.set(stream.id, content);
      send(stream);
    }
    peer.flush();
    await peer.until(() => peer.connection.streams.size === 0);
    for (let index = 0; index < 5; index++) {
      const id = index * 2 + 1;
      expect(Buffer.concat(peer.content.get(id) ?? []).equals(content)).toBe(true);
      expect(fieldValue(peer.heads.get(id) ?? [], 'x-echo')).toBe(`n${index % 2}`);
      expect(peer.events(id)).toContain('trailers grpc-status=0');
    }
    expect(peer.error).toBeUndefined();
  });

  it('gives up an answer with 100 KB of fields, or of trailers, and hears those beside it', async () => {
    const peer = await ourClient((stream, headers) => {
      const name = String(headers[':path']);
      stream.respond(
        { ':status': 200, 'x-shared': 'shared', 'x-name': name === '/head' ? LARGE : name },
        { waitForTrailers: true },
      );
      stream.on('wantTrailers', () => {
        stream.sendTrailers({ 'x-sum': name === '/trailers' ? LARGE : name });
      });
      stream.end();
    });
    const ids = ['/a', '/head', '/b', '/trailers', '/a'].map((path) => {
      const fields = [':method', 'GET', ':scheme', 'http', ':authority', 'a', ':path', path];
      return peer.connection.request(fields, true, undefined)?.id ?? 0;
    });
    peer.flush();
    await peer.until(() => ids.every((id) => peer.events(id).includes('closed')));
    expect(ids.map((id) => peer.events(id).at(-2))).toEqual([
      'trailers x-sum=/a',
      `broken ${ErrorCode.enhanceYourCalm}`,
      'trailers x-sum=/b',
      `broken ${ErrorCode.enhanceYourCalm}`,
      'trailers x-sum=/a',
    ]);
    expect(ids.map((id) => fieldValue(peer.heads.get(id) ?? [], 'x-name'))).toEqual([
      '/a',
      undefined,
      '/b',
      '/trailers',
      '/a',
    ]);
    expect(peer.error).toBeUndefined();
  });

  it('asks for another protocol when it is offered (RFC 8441)', async () => {
    const peer = await ourClient((stream, headers) => {
      stream.respond({
        ':status': 200,
        'x-protocol': String(headers[':protocol']),
        'x-path': String(headers[':path']),
      });
      stream.pipe(stream);
    });
    await peer.until(() => peer.connection.peer.known);
    expect(peer.connection.peer.connectProtocol).toBe(true);
    const upgrade = [
      ':method',
      'GET',
      ':scheme',
      'http',
      ':authority',
      'shop',
      ':path',
      '/chat',
      'upgrade',
      'websocket',
    ];
    const stream = peer.connection.request(connectRequest(upgrade, 'websocket'), false, undefined, 'CONNECT');
    if (stream === undefined) throw new Error('no stream');
    peer.connection.sendData(stream, Buffer.from('ping'), 0, 4, true);
    peer.flush();
    await peer.until(() => peer.events(1).includes('end'));
    expect(peer.text(1)).toBe('ping');
    expect(fieldValue(peer.heads.get(1) ?? [], 'x-protocol')).toBe('websocket');
    expect(fieldValue(peer.heads.get(1) ?? [], 'x-path')).toBe('/chat');
  });

  it('learns of refusals, resets and GOAWAY', async () => {
    const peer = await ourClient((stream, headers) => {
      const path = headers[':path'];
      if (path === '/refuse') stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else if (path === '/reset') {
        stream.respond({ ':status': 200 });
        setTimeout(() => stream.destroy(new Error('broken')), 5);
      } else stream.session?.goaway(constants.NGHTTP2_NO_ERROR);
    });
    for (const path of ['/refuse', '/reset', '/goaway']) {
      peer.connection.request(
        [':method', 'GET', ':scheme', 'http', ':path', path, ':authority', 'shop'],
        true,
        undefined,
      );
    }
    peer.flush();
    await peer.until(
      () => peer.events(1).length === 2 && peer.events(3).length === 3 && peer.connection.openable === 0,
    );
    expect(peer.events(1)).toEqual([`reset ${ErrorCode.refusedStream}`, 'closed']);
    expect(peer.events(3)).toEqual(['headers', `reset ${ErrorCode.internalError}`, 'closed']);
  });
});
