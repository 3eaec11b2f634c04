import { once } from 'node:events';
import { createServer as createHttp2Server } from 'node:http2';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { hostname } from 'node:os';
import { systemClock } from '@ambit/core/clock';
import { type BackendEvent, type BackendOptions, BACKEND_PORTS } from './requests-options.ts';

const OPTIONS = JSON.parse(process.argv[2] ?? '{}') as BackendOptions;
const POD = hostname();
const CHUNK = Buffer.alloc(65_536, 'download ');

// Says who answers. Paths: /maybe is 503 when `faulty`; /cut breaks the connection when the body begins; /download
// gives as many bytes as `bytes` says, as fast as they are taken.
function answer(request: IncomingMessage, response: ServerResponse): void {
  const upload = request.headers['x-upload'];
  if (typeof upload === 'string') tell({ at: systemClock.wallTime(), event: 'upload', upload });
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://backend');
  response.setHeader('x-version', OPTIONS.version);
  response.setHeader('x-pod', POD);
  request.on('error', () => undefined);
  if (pathname === '/cut') {
    request.once('data', () => request.socket.resetAndDestroy());
    return;
  }
  request.resume();
  if (pathname === '/maybe' && OPTIONS.faulty === true) response.writeHead(503).end('not now\n');
  else if (pathname === '/download') download(response, Number(searchParams.get('bytes')));
  else response.end(`${POD}\n`);
}

function download(response: ServerResponse, bytes: number): void {
  let left = bytes;
  response.setHeader('content-length', bytes);
  const write = (): void => {
    while (left > 0) {
      const part = CHUNK.subarray(0, Math.min(left, CHUNK.length));
      left -= part.length;
      if (!response.write(part)) {
        response.once('drain', write);
        return;
      }
    }
    response.end();
  };
  write();
}

function tell(event: BackendEvent): void {
  console.log(JSON.stringify(event));
}

const served = Object.entries(BACKEND_PORTS).filter(
  ([name]) => name !== 'http2' && (name !== 'partly' || OPTIONS.refuses !== true),
);
await Promise.all(
  served.map(async ([, port]) => {
    const server = createServer({ keepAliveTimeout: 60_000 }, answer);
    server.listen({ port, host: '::', backlog: 4096 });
    await once(server, 'listening');
  }),
);
const http2 = createHttp2Server((request, response) => {
  request.resume();
  response.setHeader('x-version', OPTIONS.version);
  response.setHeader('x-pod', POD);
  response.end(`${POD}\n`);
});
http2.listen({ port: BACKEND_PORTS.http2, host: '::', backlog: 4096 });
await once(http2, 'listening');
console.log('ready');
