import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { type Server, type Socket, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { systemClock } from '@ambit/core/clock';
import { CHECK_MARKER, LATE_ANSWER_BYTES, SERVER_PORTS, type ServerEvent, type ServerPort } from './options.ts';

type RawPort = Exclude<ServerPort, 'http1' | 'http2'>;

const answers: Readonly<Record<RawPort, (socket: Socket) => void>> = {
  echo: (socket) => socket.pipe(socket),
  echoOnce: answerFirstLine,
  closedPort: answerFirstLine,
  loopback: answerFirstLine,
  podAddress: answerFirstLine,
  greeting: (socket) => {
    socket.write(`hello ${CHECK_MARKER}\n`);
    socket.pipe(socket);
  },
  lateAnswer: (socket) => {
    socket.on('end', () => socket.end(Buffer.alloc(LATE_ANSWER_BYTES, 'late ')));
    socket.resume();
  },
  reset: (socket) => socket.on('data', () => socket.resetAndDestroy()),
};

function answerFirstLine(socket: Socket): void {
  let line = '';
  socket.setEncoding('latin1');
  socket.on('data', (text: string) => {
    line += text;
    if (line.includes('\n')) socket.end(line, 'latin1');
  });
  socket.on('end', () => socket.end());
}

/** Loads open hundreds of connections a second on these; a line for each would be most of the work. */
const QUIET: ReadonlySet<RawPort> = new Set(['echo', 'echoOnce']);

/** With an argument, SIGTERM ends the program when its last connection has ended. */
const GRACEFUL = process.argv[2] === 'graceful';

function tell(event: ServerEvent): void {
  console.log(JSON.stringify(event));
}

function rawServer(name: RawPort): Server {
  return createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const from = socket.remoteAddress ?? '';
    const report = (event: ServerEvent['event'], errno?: string): void => {
      if (QUIET.has(name)) return;
      tell({ port: name, at: systemClock.wallTime(), from, event, ...(errno === undefined ? {} : { errno }) });
    };
    report('accepted');
    socket.on('end', () => report('fin'));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      report(error.code === 'ECONNRESET' ? 'reset' : 'error', error.code),
    );
    answers[name](socket);
  });
}

function http1Server(): Server {
  return createHttpServer((request, response) => {
    const body = `${request.url ?? ''}\n`;
    response.writeHead(200, { connection: 'close', 'content-length': body.length }).end(body);
  });
}

function http2Server(): Server {
  const server = createHttp2Server();
  server.on('sessionError', () => undefined);
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined);
    stream.on('close', () => stream.session?.close());
    stream.respond({ ':status': 200 });
    stream.end('ok\n');
  });
  return server;
}

function listeningAddress(name: ServerPort): string {
  if (name !== 'loopback' && name !== 'podAddress') return '::';
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const own = addresses.find(({ family, internal }) => family === 'IPv4' && internal === (name === 'loopback'));
  return own?.address ?? '127.0.0.1';
}

/** Resolves when it listens. */
async function serve(name: ServerPort): Promise<void> {
  const server = name === 'http1' ? http1Server() : name === 'http2' ? http2Server() : rawServer(name);
  // What an orderly program does: takes nothing new, finishes what it has, and ends with that.
  if (GRACEFUL) process.on('SIGTERM', () => server.close());
  // A load of a thousand connections a second may arrive in one burst after an interruption.
  server.listen({ port: SERVER_PORTS[name], host: listeningAddress(name), backlog: 4096 });
  await once(server, 'listening');
}

await Promise.all((Object.keys(SERVER_PORTS) as ServerPort[]).map((name) => serve(name)));
console.log('ready');
