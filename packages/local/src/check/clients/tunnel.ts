import { connect as connectHttp2, constants } from 'node:http2';
import { type Socket, connect } from 'node:net';
import { type ConnectionOptions, type TLSSocket, connect as connectTls } from 'node:tls';
import { type Clock, systemClock } from '@ambit/core/clock';
import { RawHttp2, literalHeaders } from './raw-http2.ts';
import type { TunnelVisit, VisitResult } from './tunnel-options.ts';

/** The first bytes of a TLS handshake record of 512 bytes; the rest never comes. */
const TORN_HELLO = Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]);
/** Header bytes that `header-bomb` sends at most. */
const BOMB_BYTES = 64 * 1_048_576;
/** One CONTINUATION frame of the bomb. */
const BOMB_FRAME = 16_384;
/** What `rapid-reset` writes between two looks at whether it is still welcome. */
const RESETS_AT_ONCE = 100;

/** Visits a tunnel port once. Never rejects. */
export function visitTunnel(visit: TunnelVisit, clock: Clock = systemClock): Promise<VisitResult> {
  switch (visit.kind) {
    case 'connect':
    case 'get':
      return request(visit, clock);
    case 'plaintext':
      return untilClosed(visit, clock, Buffer.from(`GET / HTTP/1.1\r\nhost: ${visit.host}\r\n\r\n`));
    case 'stalled-handshake':
      return untilClosed(visit, clock, TORN_HELLO);
    case 'half-open':
      return halfOpen(visit, clock);
    case 'header-bomb':
      return flood(visit, clock, function* (http2) {
        http2.write(
          'headers',
          1,
          0,
          literalHeaders([
            [':method', 'CONNECT'],
            [':authority', `${visit.host}:80`],
          ]),
        );
        const filler = literalHeaders([['x-filler', 'a'.repeat(BOMB_FRAME - 100)]]);
        for (let sent = 0; sent < BOMB_BYTES; sent += filler.length) {
          http2.write('continuation', 1, 0, filler);
          yield filler.length;
        }
      });
    case 'rapid-reset':
      return flood(visit, clock, function* (http2) {
        const headers = literalHeaders([
          [':method', 'CONNECT'],
          [':authority', `${visit.host}:80`],
        ]);
        for (let sent = 0; sent < (visit.count ?? 0); sent += RESETS_AT_ONCE) {
          for (let n = 0; n < RESETS_AT_ONCE; n++) {
            const stream = (sent + n) * 2 + 1;
            http2.write('headers', stream, RawHttp2.END_HEADERS, headers);
            http2.write('rst-stream', stream, 0, Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL]));
          }
          yield RESETS_AT_ONCE;
        }
      });
  }
}

function tls(visit: TunnelVisit): TLSSocket {
  const options: ConnectionOptions = {
    host: visit.host,
    port: visit.port,
    ALPNProtocols: ['h2'],
    // The server proves a SPIFFE id, which belongs to no host name; what is judged here is how it treats its client.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    ...(visit.peer === undefined ? {} : { cert: visit.peer.certificate, key: visit.peer.privateKey }),
  };
  return connectTls(options);
}

/** One CONNECT or GET as a well-behaved HTTP/2 client makes it, once the other side has said something. */
function request(visit: TunnelVisit, clock: Clock): Promise<VisitResult> {
  return new Promise((resolve) => {
    const socket = tls(visit);
    let failure: string | undefined;
    const fail = (error: NodeJS.ErrnoException): void => {
      failure ??= error.code ?? error.message;
    };
    const finish = (result: VisitResult): void => {
      timer.cancel();
      socket.destroy();
      resolve(result);
    };
    const timer = clock.setTimeout(() => {
      finish({ failure: failure ?? 'timeout' });
    }, visit.timeout);
    socket.on('error', fail);
    socket.on('close', () => {
      finish({ failure: failure ?? 'closed without an answer' });
    });
    // A client learns only after its own handshake whether its certificate is taken, and a session that has the socket
    // by then does not hear of a refusal.
    socket.once('readable', () => {
      if (socket.readableLength > 0) ask(socket, visit, fail, finish);
    });
  });
}

function ask(
  socket: TLSSocket,
  visit: TunnelVisit,
  fail: (error: NodeJS.ErrnoException) => void,
  finish: (result: VisitResult) => void,
): void {
  const session = connectHttp2('https://tunnel', { createConnection: () => socket });
  session.on('error', fail);
  const headers =
    visit.kind === 'get' ? { ':method': 'GET', ':path': '/' } : { ':method': 'CONNECT', ':authority': visit.authority };
  const stream = session.request(headers);
  stream.on('error', fail);
  stream.on('response', (answer) => {
    const reason = answer['x-ambit-reason'];
    finish({ status: answer[':status'] ?? 0, ...(typeof reason === 'string' ? { reason } : {}) });
  });
}

/** Sends some bytes without TLS and waits for the other side to close. */
function untilClosed(visit: TunnelVisit, clock: Clock, bytes: Buffer): Promise<VisitResult> {
  return new Promise((resolve) => {
    const begin = clock.now();
    const socket = connect({ host: visit.host, port: visit.port });
    let failure: string | undefined;
    const timer = clock.setTimeout(() => {
      resolve({ failure: 'still open' });
      socket.destroy();
    }, visit.timeout);
    socket.on('connect', () => socket.write(bytes));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      failure = error.code ?? error.message;
    });
    socket.on('close', () => {
      timer.cancel();
      resolve({ closedAfter: clock.now() - begin, ...(failure === undefined ? {} : { failure }) });
    });
    socket.resume();
  });
}

/** Begins `count` handshakes and finishes none, until `timeout`. */
async function halfOpen(visit: TunnelVisit, clock: Clock): Promise<VisitResult> {
  const begin = clock.now();
  let open = 0;
  let lastClosed: number | undefined;
  const sockets: Socket[] = [];
  for (let n = 0; n < (visit.count ?? 0); n++) {
    const socket = connect({ host: visit.host, port: visit.port });
    socket.on('connect', () => {
      open += 1;
      socket.write(TORN_HELLO);
      socket.once('close', () => {
        open -= 1;
        lastClosed = clock.now() - begin;
      });
    });
    socket.on('error', () => undefined);
    socket.resume();
    sockets.push(socket);
  }
  await new Promise<void>((resolve) => clock.setTimeout(resolve, visit.timeout));
  const sent = open;
  const closedAfter = lastClosed;
  for (const socket of sockets) socket.destroy();
  return { sent, ...(closedAfter === undefined ? {} : { closedAfter }) };
}

/** Writes what `steps` writes, as fast as the other side takes it, until it closes, all is written, or time is up. */
function flood(visit: TunnelVisit, clock: Clock, steps: (http2: RawHttp2) => Generator<number>): Promise<VisitResult> {
  return new Promise((resolve) => {
    const begin = clock.now();
    const socket = tls(visit);
    const http2 = new RawHttp2(socket);
    let sent = 0;
    let failure: string | undefined;
    let over = false;
    const finish = (result: VisitResult): void => {
      if (over) return;
      over = true;
      timer.cancel();
      socket.destroy();
      const goaway = http2.goaway === undefined ? {} : { goaway: http2.goaway };
      resolve({ sent, ...goaway, ...(failure === undefined ? {} : { failure }), ...result });
    };
    const timer = clock.setTimeout(() => {
      finish({ failure: 'still open' });
    }, visit.timeout);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      failure = error.code ?? error.message;
    });
    socket.on('close', () => {
      finish({ closedAfter: clock.now() - begin });
    });
    socket.on('secureConnect', () => {
      http2.greet();
      const writing = steps(http2);
      const next = (): void => {
        while (!over && !socket.destroyed) {
          const step = writing.next();
          if (step.done === true) return;
          sent += step.value;
          if (socket.writableNeedDrain) {
            socket.once('drain', next);
            return;
          }
        }
      };
      next();
    });
  });
}

if (process.argv[1] === import.meta.filename) {
  console.log(JSON.stringify(await visitTunnel(JSON.parse(process.argv[2] ?? '{}') as TunnelVisit)));
}
