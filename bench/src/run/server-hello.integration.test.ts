import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { TestAuthority } from '@ambit/identity/test-authority';
import { expect, it } from 'vitest';
import { chosenByServer } from './server-hello.ts';

it('reads what a real server chose', async () => {
  const authority = await TestAuthority.create();
  const { certificateChainPem: cert, privateKeyPem: key } = await authority.issue('spiffe://cluster.local/ns/a/sa/b');
  const suite = 'TLS_AES_128_GCM_SHA256';
  const server = tls.createServer({ cert, key, ciphers: suite, ecdhCurve: 'X25519', minVersion: 'TLSv1.3' });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const answer = Promise.withResolvers<Buffer>();
  const between = net.createServer((socket) => {
    const upstream = net.connect(portOf(server), '127.0.0.1');
    upstream.once('data', (bytes: Buffer) => answer.resolve(bytes));
    for (const one of [socket, upstream]) one.on('error', () => undefined);
    socket.pipe(upstream).pipe(socket);
  });
  between.listen(0, '127.0.0.1');
  await once(between, 'listening');
  const client = tls.connect({ port: portOf(between), host: '127.0.0.1', rejectUnauthorized: false });
  client.on('error', () => undefined);
  expect(chosenByServer(await answer.promise)).toBe('TLS_AES_128_GCM_SHA256, x25519');
  client.destroy();
  between.close();
  server.close();
});

it('takes nothing else for a ServerHello', () => {
  expect(chosenByServer(Buffer.from('GET / HTTP/1.1\r\n\r\n'))).toBeUndefined();
  expect(chosenByServer(Buffer.from([22, 3, 3]))).toBeUndefined();
  expect(chosenByServer(Buffer.alloc(0))).toBeUndefined();
});

function portOf(server: net.Server): number {
  return (server.address() as AddressInfo).port;
}
