import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AmbitError } from '@ambit/core/errors';
import { allocate } from '@ambit/native/memory';
import { recv, send } from '@ambit/native/socket';
import { setBufferSizes } from '@ambit/native/socket-option';
import { type TestCertificateOptions, type TestIdentity, testCertificate } from '@ambit/native/test-certificates';
import { type TlsContext, createTlsContext } from '@ambit/native/tls-context';
import type { ByteEndpoint, ByteEndpointHandler } from './endpoint.ts';
import { OUTPUT_BUFFER_BYTES } from './limits.ts';
import { PairPool } from './pair-pool.ts';
import { TcpEndpoint } from './tcp-endpoint.ts';
import { TestLoop } from './test-loop.ts';
import { TlsEndpoint } from './tls-endpoint.ts';

const root = testCertificate({ authority: true });
const leaf = (options: TestCertificateOptions = {}): TestIdentity =>
  testCertificate({ issuer: root, uris: ['spiffe://cluster.local/ns/bench/sa/client'], ...options });

const contexts: TlsContext[] = [];
function context(side: 'client' | 'server', identity = leaf()): TlsContext {
  const made = createTlsContext({
    side,
    certificateChainPem: identity.certificatePem,
    privateKeyPem: identity.privateKeyPem,
    rootsPem: root.certificatePem,
  });
  contexts.push(made);
  return made;
}
const clientContext = context('client');
const serverContext = context('server', leaf({ uris: ['spiffe://cluster.local/ns/bench/sa/server'] }));
afterAll(() => {
  for (const made of contexts) made.free();
});

/** Keeps what it is told, and can write more than the connection takes at once. */
class Recorder implements ByteEndpointHandler {
  endpoint: ByteEndpoint | undefined;
  readonly events: string[] = [];
  readonly hash = createHash('sha256');
  received = 0;
  closed: { error: AmbitError | undefined } | undefined;
  echo = false;
  #toWrite: Buffer = Buffer.alloc(0);
  #written = 0;

  onOpen(): void {
    this.events.push('open');
  }

  onBytes(bytes: Buffer, _address: number, start: number, end: number): void {
    this.received += end - start;
    this.hash.update(bytes.subarray(start, end));
    if (this.echo) this.write(Buffer.from(bytes.subarray(start, end)));
  }

  onEnd(): void {
    this.events.push('end');
  }

  onRoom(): void {
    this.#pour();
  }

  onClose(error: AmbitError | undefined): void {
    expect(this.closed).toBeUndefined();
    this.events.push('close');
    this.closed = { error };
  }

  write(bytes: Buffer): void {
    this.#toWrite = Buffer.concat([this.#toWrite.subarray(this.#written), bytes]);
    this.#written = 0;
    this.#pour();
  }

  get unwritten(): number {
    return this.#toWrite.length - this.#written;
  }

  #pour(): void {
    const output = this.endpoint?.output;
    if (output === undefined) return;
    while (this.unwritten > 0) {
      const count = Math.min(this.unwritten, 50_000);
      if (!output.room(count)) return;
      output.end += this.#toWrite.copy(output.bytes, output.end, this.#written, this.#written + count);
      this.#written += count;
    }
  }
}

let loop: TestLoop;
let openFiles: number;
beforeEach(() => {
  openFiles = readdirSync('/proc/self/fd').length;
  loop = new TestLoop();
});
afterEach(() => {
  expect(loop.reactor.buffers.lent).toBe(0);
  loop.reactor.dispose();
  expect(loop.errors).toEqual([]);
  expect(readdirSync('/proc/self/fd').length).toBe(openFiles);
});

interface Pair {
  client: Recorder;
  server: Recorder;
  fds: readonly [number, number];
}

const kinds = [
  {
    kind: 'plain',
    connect: (): Pair =>
      connectPair(
        (fd, handler) => new TcpEndpoint(loop.reactor, fd, handler),
        (fd, handler) => new TcpEndpoint(loop.reactor, fd, handler),
      ),
  },
  { kind: 'TLS', connect: (): Pair => tlsPair(clientContext, serverContext) },
];

function tlsPair(ofClient: TlsContext, ofServer: TlsContext): Pair {
  return connectPair(
    (fd, handler) => new TlsEndpoint(loop.reactor, fd, ofClient, handler),
    (fd, handler) => new TlsEndpoint(loop.reactor, fd, ofServer, handler),
  );
}

function connectPair(
  makeClient: (fd: number, handler: Recorder) => ByteEndpoint,
  makeServer: (fd: number, handler: Recorder) => ByteEndpoint,
): Pair {
  const fds = loop.tcpPair();
  const client = new Recorder();
  const server = new Recorder();
  client.endpoint = makeClient(fds[0], client);
  server.endpoint = makeServer(fds[1], server);
  return { client, server, fds };
}

function opened({ client, server }: Pair): boolean {
  return client.events.includes('open') && server.events.includes('open');
}

function finish({ client, server }: Pair): void {
  client.endpoint?.end();
  loop.until(() => server.events.includes('end'));
  server.endpoint?.end();
  loop.until(() => client.closed !== undefined && server.closed !== undefined);
  // The lingering descriptor sees the peer's end.
  loop.pass(20);
}

describe.each(kinds)('a $kind connection', ({ connect }) => {
  it('carries bytes both ways, ends in good order and says so once', () => {
    const pair = connect();
    loop.until(() => opened(pair));
    pair.client.write(Buffer.from('ping'));
    pair.server.write(Buffer.from('pong!'));
    loop.until(() => pair.server.received === 4 && pair.client.received === 5);
    expect(pair.client.endpoint?.bytesSent).toBe(4);
    expect(pair.client.endpoint?.bytesReceived).toBe(5);
    finish(pair);
    expect(pair.client.events).toEqual(['open', 'close']);
    expect(pair.server.events).toEqual(['open', 'end', 'close']);
    expect([pair.client.closed, pair.server.closed]).toEqual([{ error: undefined }, { error: undefined }]);
  });

  it('sends what was written before it was open', () => {
    const pair = connect();
    pair.client.write(Buffer.from('early'));
    loop.until(() => pair.server.received === 5);
    finish(pair);
  });

  it('carries more than all buffers hold, unchanged, both ways at once', () => {
    const pair = connect();
    const up = Buffer.alloc(5_000_000, 'up to the server ');
    const down = Buffer.alloc(4_000_000, 'down to the client ');
    loop.until(() => opened(pair));
    pair.client.write(up);
    pair.server.write(down);
    loop.until(() => pair.server.received === up.length && pair.client.received === down.length, 20_000);
    expect(pair.server.hash.digest('hex')).toBe(createHash('sha256').update(up).digest('hex'));
    expect(pair.client.hash.digest('hex')).toBe(createHash('sha256').update(down).digest('hex'));
    finish(pair);
  });

  it('holds the sender back while the receiver does not read, and loses nothing', () => {
    const pair = connect();
    loop.until(() => opened(pair));
    setBufferSizes(pair.fds[0], { send: 65_536 });
    setBufferSizes(pair.fds[1], { receive: 65_536 });
    pair.server.endpoint?.pauseReading();
    const bytes = Buffer.alloc(3_000_000, 'held back ');
    pair.client.write(bytes);
    loop.pass(50);
    expect(pair.server.received).toBe(0);
    expect(pair.client.endpoint?.congested).toBe(true);
    expect(pair.client.unwritten).toBeGreaterThan(bytes.length - 2 * OUTPUT_BUFFER_BYTES - 1_000_000);
    pair.server.endpoint?.resumeReading();
    loop.until(() => pair.server.received === bytes.length, 20_000);
    expect(pair.client.endpoint?.congested).toBe(false);
    expect(pair.server.hash.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
    finish(pair);
  });

  it('delivers what was written before the end, however slow the reader', () => {
    const pair = connect();
    loop.until(() => opened(pair));
    setBufferSizes(pair.fds[0], { send: 16_384 });
    pair.server.endpoint?.pauseReading();
    pair.client.write(Buffer.alloc(250_000, 'last words '));
    pair.client.endpoint?.end();
    loop.pass(30);
    pair.server.endpoint?.resumeReading();
    loop.until(() => pair.server.events.includes('end'));
    expect(pair.server.received).toBe(250_000);
    finish(pair);
  });

  it('gives every buffer back when it is idle', () => {
    const pair = connect();
    loop.until(() => opened(pair));
    pair.server.echo = true;
    pair.client.write(Buffer.alloc(100_000, 'x'));
    loop.until(() => pair.client.received === 100_000);
    loop.until(() => loop.reactor.buffers.lent === 0 && PairPool.of(loop.reactor).lent === 0);
    pair.client.write(Buffer.from('again'));
    loop.until(() => pair.client.received === 100_005);
    finish(pair);
  });

  it('lets the last words arrive although the other side has sent what nobody reads any more', () => {
    const pair = connect();
    loop.until(() => opened(pair));
    pair.server.endpoint?.pauseReading();
    pair.client.write(Buffer.alloc(50_000, 'unread '));
    loop.pass(20);
    pair.server.write(Buffer.from('goodbye'));
    pair.server.endpoint?.end();
    loop.until(() => pair.client.events.includes('end') || pair.client.closed !== undefined);
    expect(pair.client.received).toBe(7);
    expect(pair.client.closed).toBeUndefined();
    pair.client.endpoint?.end();
    loop.pass(20);
  });

  it('shows the peer a reset when it is destroyed with one', () => {
    const pair = connect();
    loop.until(() => opened(pair));
    pair.client.endpoint?.destroy(undefined, true);
    pair.client.endpoint?.destroy();
    loop.until(() => pair.server.closed !== undefined);
    expect(pair.client.events).toEqual(['open', 'close']);
    expect(pair.server.closed?.error).toMatchObject({
      code: expect.stringMatching(/^AMBIT_(TLS_RESET|SYSCALL)$/) as string,
    });
  });

  it('notices a reset also while nobody reads', () => {
    const pair = connect();
    loop.until(() => opened(pair));
    pair.server.endpoint?.pauseReading();
    pair.client.endpoint?.destroy(undefined, true);
    loop.until(() => pair.server.closed !== undefined);
    expect(pair.server.closed?.error?.message).toContain('ECONNRESET');
  });

  it('can be closed from within each callback', () => {
    for (const when of ['onOpen', 'onBytes', 'onEnd'] as const) {
      const pair = connect();
      const original = pair.server[when].bind(pair.server) as (...args: unknown[]) => void;
      pair.server[when] = (...args: unknown[]): void => {
        original(...args);
        pair.server.endpoint?.destroy();
      };
      pair.client.write(Buffer.alloc(300_000));
      loop.until(() => pair.server.closed !== undefined || pair.client.events.includes('open'));
      pair.client.endpoint?.end();
      loop.until(() => pair.server.closed !== undefined && pair.client.closed !== undefined);
      loop.pass(20);
    }
  });
});

describe('a TLS connection', () => {
  it('tells both sides who the other is', () => {
    const pair = tlsPair(clientContext, serverContext);
    expect((pair.client.endpoint as TlsEndpoint).peer).toBeUndefined();
    loop.until(() => opened(pair));
    expect((pair.client.endpoint as TlsEndpoint).peer?.uris).toEqual(['spiffe://cluster.local/ns/bench/sa/server']);
    expect((pair.server.endpoint as TlsEndpoint).peer?.uris).toEqual(['spiffe://cluster.local/ns/bench/sa/client']);
    finish(pair);
  });

  it('does not open for a client whose certificate has expired, and lets it know', () => {
    const pair = tlsPair(context('client', leaf({ notAfter: Date.now() - 60_000 })), serverContext);
    loop.until(() => pair.server.closed !== undefined && pair.client.closed !== undefined);
    expect(pair.server.events).toEqual(['close']);
    expect(pair.server.closed?.error).toMatchObject({ code: 'AMBIT_TLS_CERTIFICATE_EXPIRED', side: 'us' });
    expect(pair.client.closed?.error).toMatchObject({ code: 'AMBIT_TLS_CERTIFICATE_EXPIRED', side: 'peer' });
    loop.pass(20);
  });

  it('opens although the handshake arrives byte by byte, and delivers what came right behind it', () => {
    const [clientFd, clientFar] = loop.tcpPair();
    const [serverFd, serverFar] = loop.tcpPair();
    const client = new Recorder();
    const server = new Recorder();
    client.endpoint = new TlsEndpoint(loop.reactor, clientFd, clientContext, client);
    server.endpoint = new TlsEndpoint(loop.reactor, serverFd, serverContext, server);
    client.write(Buffer.from('first words'));
    const { address } = loop.reactor.scratch;
    let moved = 0;
    for (let idle = 0; idle < 5; idle += 1) {
      loop.pass(1);
      for (const [from, to] of [
        [clientFar, serverFar],
        [serverFar, clientFar],
      ] as const) {
        for (; recv(from, address, 1) === 1; idle = 0, moved += 1) {
          send(to, address, 1);
          loop.reactor.runTurn(0);
        }
      }
    }
    expect(moved).toBeGreaterThan(1000);
    expect(server.received).toBe(11);
    for (const one of [client, server]) one.endpoint?.destroy();
    for (const fd of [clientFar, serverFar]) loop.reactor.close(fd);
  });

  it('keeps what came with the last flight for an owner who does not read yet', () => {
    const pair = tlsPair(clientContext, serverContext);
    pair.server.onOpen = () => {
      pair.server.events.push('open');
      pair.server.endpoint?.pauseReading();
    };
    pair.client.write(Buffer.from('first words'));
    loop.until(() => opened(pair));
    loop.pass(20);
    expect(pair.server.received).toBe(0);
    pair.server.endpoint?.resumeReading();
    loop.until(() => pair.server.received === 11);
    pair.client.write(Buffer.from('and more'));
    loop.until(() => pair.server.received === 19);
    finish(pair);
  });

  it('does not open for plaintext', () => {
    const [client, server] = loop.tcpPair();
    const recorder = new Recorder();
    recorder.endpoint = new TlsEndpoint(loop.reactor, server, serverContext, recorder);
    const memory = allocate(100);
    send(client, memory.address, memory.bytes.write('GET / HTTP/1.1\r\n\r\n'));
    loop.until(() => recorder.closed !== undefined);
    expect(recorder.closed?.error).toMatchObject({ code: 'AMBIT_TLS_PLAINTEXT_PEER' });
    loop.reactor.close(client);
    loop.pass(20);
  });

  it('does not wait for ever for a handshake', () => {
    const [client, server] = loop.tcpPair();
    const recorder = new Recorder();
    recorder.endpoint = new TlsEndpoint(loop.reactor, server, serverContext, recorder, { handshakeTimeoutMs: 50 });
    loop.until(() => recorder.closed !== undefined);
    expect(recorder.closed?.error).toMatchObject({ code: 'AMBIT_TLS_TIMEOUT' });
    expect(recv(client, loop.reactor.scratch.address, 10)).toBe(0);
    loop.reactor.close(client);
  });

  it('calls a peer that vanished without goodbye truncated', () => {
    const pair = tlsPair(clientContext, serverContext);
    loop.until(() => opened(pair));
    pair.client.endpoint?.destroy();
    loop.until(() => pair.server.closed !== undefined);
    expect(pair.server.closed?.error).toMatchObject({ code: 'AMBIT_TLS_TRUNCATED' });
    loop.pass(20);
  });

  it('leaves nothing of a broken connection in what the next one sends', () => {
    const broken = tlsPair(clientContext, serverContext);
    loop.until(() => opened(broken));
    setBufferSizes(broken.fds[0], { send: 16_384 });
    broken.server.endpoint?.pauseReading();
    broken.client.write(Buffer.alloc(1_000_000, 'never delivered '));
    loop.pass(20);
    expect(broken.client.endpoint?.congested).toBe(true);
    broken.client.endpoint?.destroy();
    broken.server.endpoint?.destroy();
    const next = tlsPair(clientContext, serverContext);
    loop.until(() => opened(next));
    next.client.write(Buffer.from('fresh'));
    loop.until(() => next.server.received > 0 || next.server.closed !== undefined);
    expect(next.server.received).toBe(5);
    finish(next);
  });

  it('keeps reading what came with the last record when reading was paused in between', () => {
    const pair = tlsPair(clientContext, serverContext);
    loop.until(() => opened(pair));
    const original = pair.server.onBytes.bind(pair.server);
    let pauses = 0;
    pair.server.onBytes = (bytes, address, start, end) => {
      original(bytes, address, start, end);
      pauses += 1;
      pair.server.endpoint?.pauseReading();
      loop.reactor.after(1, () => pair.server.endpoint?.resumeReading());
    };
    pair.client.write(Buffer.alloc(200_000, 'z'));
    loop.until(() => pair.server.received === 200_000);
    expect(pauses).toBeGreaterThan(1);
    finish(pair);
  });
});
