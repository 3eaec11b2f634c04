import { once } from 'node:events';
import { createServer } from 'node:https';
import type { TlsServerOptions, TlsServerReport } from './tls-server-options.ts';

const { port, certificate, privateKey, version } = JSON.parse(process.argv[2] ?? '{}') as TlsServerOptions;
const serverNames = new Set<string>();

const server = createServer({ cert: certificate, key: privateKey }, (_request, response) => {
  response.writeHead(200, { 'x-version': version }).end('secret\n');
});
server.on('secureConnection', ({ servername }) => serverNames.add(String(servername)));
server.listen({ port, host: '0.0.0.0' });
await once(server, 'listening');
process.once('SIGTERM', () => {
  const report: TlsServerReport = { serverNames: [...serverNames] };
  console.log(JSON.stringify(report));
  process.exit(0);
});
console.log('ready');
