import { once } from 'node:events';
import { type ConnectionOptions, type TLSSocket, connect as connectTls, createServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AmbitError } from '@ambit/core/errors';
import { openTcpListener } from '@ambit/native/listening-socket';
import { localAddress } from '@ambit/native/socket';
import { testCertificate } from '@ambit/native/test-certificates';
import { createTlsContext } from '@ambit/native/tls-context';
import type { ByteEndpointHandler } from './endpoint.ts';
import { Listener } from './listener.ts';
import { connectTcp } from './tcp-connect.ts';
import { TestLoop } from './test-loop.ts';
import { TlsEndpoint } from './tls-endpoint.ts';

const root = testCertificate({ authority: true });
const leaf = testCertificate({ issuer: root, uris: ['spiffe://cluster.local/ns/a/sa/b'] });
const material = {
  certificateChainPem: leaf.certificatePem,
  privateKeyPem: leaf.privateKeyPem,
  rootsPem: root.certificatePem,
};

let loop: TestLoop;
beforeEach(() => {
  loop = new TestLoop();
});
afterEach(() => {
  loop.reactor.dispose();
  expect(loop.errors).toEqual([]);
});

/** Lets the loop and the runtime's own take turns on this thread. */
async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not so: ${condition.toString()}`);
    loop.reactor.runTurn(1);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

class Echo implements ByteEndpointHandler {
  endpoint: TlsEndpoint | undefined;
  opened = false;
  text = '';
  closed: { error: AmbitError | undefined } | undefined;

  onOpen(): void {
    this.opened = true;
  }

  onBytes(bytes: Buffer, _address: number, start: number, end: number): void {
    this.text += bytes.toString('latin1', start, end);
    const output = this.endpoint?.output;
    if (output?.room(end - start) === true) output.end += bytes.copy(output.bytes, output.end, start, end);
  }

  onEnd(): void {
    this.endpoint?.end();
  }

  onRoom(): void {
    // Little is written here.
  }

  onClose(error: AmbitError | undefined): void {
    this.closed = { error };
  }
}

describe("a client of the runtime's own TLS", () => {
  function serve(): { port: number; served: Echo[] } {
    const context = createTlsContext({ side: 'server', ...material });
    const listening = openTcpListener({ address: { ip: '127.0.0.1', port: 0 } });
    loop.reactor.adopt(listening);
    const served: Echo[] = [];
    new Listener(loop.reactor, listening, {
      onAccept: (fd) => {
        const echo = new Echo();
        echo.endpoint = new TlsEndpoint(loop.reactor, fd, context, echo);
        served.push(echo);
      },
    });
    return { port: localAddress(listening).port, served };
  }

  function dial(port: number, options: ConnectionOptions): { socket: TLSSocket; failure: () => string } {
    let message = '';
    const socket = connectTls({
      port,
      host: '127.0.0.1',
      ca: root.certificatePem,
      cert: leaf.certificatePem,
      key: leaf.privateKeyPem,
      ALPNProtocols: ['h2'],
      checkServerIdentity: () => undefined,
      ...options,
    });
    socket.on('error', (error) => (message = error.message));
    return { socket, failure: () => message };
  }

  it('is served with TLS 1.3, h2 and AES-256', async () => {
    const { port, served } = serve();
    const { socket } = dial(port, {});
    let text = '';
    socket.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')));
    socket.write('hello');
    await until(() => text === 'hello');
    expect([socket.getProtocol(), socket.alpnProtocol, socket.getCipher().standardName]).toEqual([
      'TLSv1.3',
      'h2',
      'TLS_AES_256_GCM_SHA384',
    ]);
    socket.end();
    await until(() => served[0]?.closed !== undefined);
    expect(served[0]?.closed?.error).toBeUndefined();
  });

  it.each([
    { what: 'names no protocol', options: { ALPNProtocols: [] }, code: 'AMBIT_TLS_NO_ALPN' },
    { what: 'names only HTTP/1.1', options: { ALPNProtocols: ['http/1.1'] }, code: 'AMBIT_TLS_NO_ALPN' },
    { what: 'shows no certificate', options: { cert: undefined, key: undefined }, code: 'AMBIT_TLS_NO_CERTIFICATE' },
    { what: 'speaks TLS 1.2 at best', options: { maxVersion: 'TLSv1.2' }, code: 'AMBIT_TLS_WRONG_VERSION' },
    {
      what: 'wants ChaCha20',
      options: { ciphers: 'TLS_CHACHA20_POLY1305_SHA256' },
      code: 'AMBIT_TLS_NO_COMMON_CIPHER',
    },
    { what: 'wants another group', options: { ecdhCurve: 'P-384' }, code: 'AMBIT_TLS_NO_COMMON_CIPHER' },
  ])('is refused when it $what, with the reason', async ({ options, code }) => {
    const { port, served } = serve();
    const { socket } = dial(port, options as ConnectionOptions);
    await until(() => served[0]?.closed !== undefined);
    expect(served[0]?.opened).toBe(false);
    expect(served[0]?.closed?.error).toMatchObject({ code });
    socket.destroy();
  });

  it('may offer a post-quantum group only', async () => {
    const { port, served } = serve();
    const { socket } = dial(port, { ecdhCurve: 'X25519MLKEM768' });
    await until(() => served[0]?.opened === true);
    socket.destroy();
  });
});

describe("a server of the runtime's own TLS", () => {
  it('is accepted as a peer when its certificate is good, and refused when it does not agree on h2', async () => {
    for (const protocols of [['h2'], ['http/1.1']]) {
      const server = createServer({
        cert: leaf.certificatePem,
        key: leaf.privateKeyPem,
        ca: root.certificatePem,
        requestCert: true,
        rejectUnauthorized: true,
        ALPNProtocols: protocols,
      });
      server.on('secureConnection', (socket) => {
        socket.on('error', () => undefined);
        socket.pipe(socket);
      });
      server.on('tlsClientError', () => undefined);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const echo = new Echo();
      const context = createTlsContext({ side: 'client', ...material });
      connectTcp(
        loop.reactor,
        { destination: { ip: '127.0.0.1', port: (server.address() as AddressInfo).port } },
        {
          onConnected: (fd) => (echo.endpoint = new TlsEndpoint(loop.reactor, fd, context, echo)),
          onConnectFailed: (error) => loop.errors.push(error),
        },
      );
      await until(() => echo.opened || echo.closed !== undefined);
      expect(echo.opened).toBe(protocols[0] === 'h2');
      if (echo.closed !== undefined)
        expect(echo.closed.error).toMatchObject({ code: 'AMBIT_TLS_NO_ALPN', side: 'peer' });
      expect(echo.endpoint?.peer?.uris).toEqual(echo.opened ? ['spiffe://cluster.local/ns/a/sa/b'] : undefined);
      echo.endpoint?.destroy();
      server.close();
    }
  });
});
