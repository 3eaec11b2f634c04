/**
 * CONNECT tunnels over mutual TLS with `node:http2`, as one would first write them: the measure of what the reactor
 * is worth. `http2-relay.js client|server FOLDER PEER:PORT LISTEN=TARGET ...`; FOLDER holds cert.pem, key.pem, root.pem.
 */
import { readFileSync, writeSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import type { Duplex } from 'node:stream';

const [role, folder = '', peer = '', ...routes] = process.argv.slice(2);
const read = (name: string): Buffer => readFileSync(`${folder}/${name}.pem`);
const settings = { initialWindowSize: 4 << 20, maxConcurrentStreams: 10_000 };
const tls = { cert: read('cert'), key: read('key'), ca: read('root'), minVersion: 'TLSv1.3', settings } as const;
const widen = (session: http2.Http2Session): void => session.setLocalWindowSize(16 << 20);

function address(text: string): net.TcpNetConnectOpts {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)), allowHalfOpen: true, noDelay: true };
}

function relay(one: Duplex, other: Duplex): void {
  one.on('error', () => other.destroy());
  other.on('error', () => one.destroy());
  one.pipe(other).pipe(one);
}

function dial(): http2.ClientHttp2Session {
  const { host = '', port } = address(peer);
  const checkServerIdentity = (): undefined => undefined;
  const session = http2.connect(`https://${host}:${port}`, { ...tls, checkServerIdentity });
  session.on('connect', () => widen(session));
  session.on('error', (error) => {
    throw error;
  });
  return session;
}

if (role === 'client') {
  const session = dial();
  for (const route of routes) {
    const [listen = '', target = ''] = route.split('=');
    const accept = (socket: net.Socket): void =>
      relay(socket, session.request({ ':method': 'CONNECT', ':authority': target }));
    net.createServer({ allowHalfOpen: true, noDelay: true }, accept).listen(address(listen));
  }
} else {
  const server = http2.createSecureServer({ ...tls, requestCert: true, rejectUnauthorized: true });
  server.on('session', widen);
  server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
    const socket = net.connect(address(headers[':authority'] ?? ''));
    stream.respond({ ':status': 200 });
    relay(stream, socket);
  });
  server.listen(address(peer));
}
writeSync(1, 'ready\n');
