import { once } from 'node:events';
import { createServer } from 'node:https';
import type { TlsServerOptions, TlsServerReport } from './tls-server-options.ts';

const { port, certificate, privateKey, version, clientsRoot } = JSON.parse(process.argv[2] ?? '{}') as TlsServerOptions;
const serverNames = new Set<string>();
const clients = new Set<string>();

const asking = clientsRoot === undefined ? {} : { requestCert: true, rejectUnauthorized: true, ca: clientsRoot };
const server = createServer({ cert: certificate, key: privateKey, ...asking }, (_request, response) => {
  response.writeHead(200, { 'x-version': version }).end('secret\n');
});
server.on('secureConnection', (socket) => {
  serverNames.add(String(socket.servername));
  const shown = socket.getPeerX509Certificate()?.subjectAltName;
  if (shown !== undefined) clients.add(shown);
});
server.listen({ port, host: '0.0.0.0' });
await once(server, 'listening');
process.once('SIGTERM', () => {
  const report: TlsServerReport = { serverNames: [...serverNames], clients: [...clients] };
  console.log(JSON.stringify(report));
  process.exit(0);
});
console.log('ready');
