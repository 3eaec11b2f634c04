import { once } from 'node:events';
import { type Socket, createServer } from 'node:net';
import { systemClock } from '@ambit/core/clock';
import { CHECK_MARKER, LATE_ANSWER_BYTES, SERVER_PORTS, type ServerEvent, type ServerPort } from './options.ts';

const answers: Readonly<Record<ServerPort, (socket: Socket) => void>> = {
  echo: (socket) => socket.pipe(socket),
  echoOnce: answerFirstLine,
  closedPort: answerFirstLine,
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
const QUIET: ReadonlySet<ServerPort> = new Set(['echo', 'echoOnce']);

/** With an argument, SIGTERM ends the program when its last connection has ended. */
const GRACEFUL = process.argv[2] === 'graceful';

function tell(event: ServerEvent): void {
  console.log(JSON.stringify(event));
}

/** Resolves when it listens. */
async function serve(name: ServerPort): Promise<void> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
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
  // What an orderly program does: takes nothing new, finishes what it has, and ends with that.
  if (GRACEFUL) process.on('SIGTERM', () => server.close());
  // A load of a thousand connections a second may arrive in one burst after an interruption.
  server.listen({ port: SERVER_PORTS[name], host: '::', backlog: 4096 });
  await once(server, 'listening');
}

await Promise.all((Object.keys(SERVER_PORTS) as ServerPort[]).map((name) => serve(name)));
console.log('ready');
