import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { messageOf } from '@ambit/core/errors';
import { allocate } from '@ambit/native/memory';
import { testCertificate } from '@ambit/native/test-certificates';
import { askForNewKeys } from '@ambit/native/test-key-update';
import { createTlsContext, type TlsContext } from '@ambit/native/tls-context';
import { freeSession, handshake, newSession, read, write } from '@ambit/native/tls-session';
import type { ByteEndpointHandler } from './endpoint.ts';
import { PAIR_IDLE_MS } from './limits.ts';
import { TestLoop } from './test-loop.ts';
import { TlsEndpoint } from './tls-endpoint.ts';

// Peers change keys after so many records (rustls after 2^24), and ask us to do so too.

const root = testCertificate({ authority: true });
function context(side: 'client' | 'server'): TlsContext {
  const { certificatePem, privateKeyPem } = testCertificate({
    issuer: root,
    uris: ['spiffe://cluster.local/ns/a/sa/b'],
  });
  return createTlsContext({
    side,
    certificateChainPem: certificatePem,
    privateKeyPem,
    rootsPem: root.certificatePem,
  });
}

const memory = allocate(1 << 14);
let loop: TestLoop;
let ssl: number;
let end: Writer;

/** Our end: notes what comes, and writes as fast as it is taken. */
class Writer implements ByteEndpointHandler {
  readonly endpoint: TlsEndpoint;
  opened = false;
  received = 0;
  failure: string | undefined;
  #left = 0;

  constructor(fd: number) {
    this.endpoint = new TlsEndpoint(loop.reactor, fd, context('server'), this);
  }

  pour(bytes: number): void {
    this.#left += bytes;
    this.onRoom();
  }

  onOpen(): void {
    this.opened = true;
  }

  onBytes(_bytes: Buffer, _address: number, start: number, finish: number): void {
    this.received += finish - start;
  }

  onEnd(): void {
    this.failure = 'ended';
  }

  onRoom(): void {
    const { output } = this.endpoint;
    while (this.#left > 0) {
      const size = Math.min(this.#left, 50_000);
      if (!output.room(size)) return;
      output.bytes.fill(0x61, output.end, output.end + size);
      output.end += size;
      this.#left -= size;
    }
  }

  onClose(error: unknown): void {
    this.failure = messageOf(error);
  }
}

beforeEach(() => {
  loop = new TestLoop();
  const [ours, theirs] = loop.tcpPair();
  end = new Writer(ours);
  ssl = newSession(context('client'), theirs);
  loop.until(() => {
    handshake(ssl);
    return end.opened;
  });
});
afterEach(() => {
  freeSession(ssl);
  end.endpoint.destroy();
  loop.reactor.dispose();
  expect(loop.errors).toEqual([]);
});

/** The peer reads at most so many records; returns their bytes. */
function take(records: number): number {
  let bytes = 0;
  for (let count = 0; count < records; count += 1) {
    const size = read(ssl, memory.address, memory.bytes.length);
    if (size <= 0) break;
    bytes += size;
  }
  return bytes;
}

describe('a peer that asks for new keys', () => {
  it('gets everything that is on its way to it, however slowly it reads', () => {
    const total = 12_000_000;
    end.pour(total);
    loop.until(() => end.endpoint.congested);
    let got = 0;
    for (let asked = 0; asked < 60; asked += 1) {
      askForNewKeys(ssl);
      expect(write(ssl, memory.address, 1)).toBe(1);
      loop.pass(1);
      got += take(10);
    }
    loop.until(() => (got += take(100)) === total || end.failure !== undefined);
    expect([got, end.received, end.failure]).toEqual([total, 60, undefined]);
  });

  it('is heard and answered while the connection is idle and holds no buffer', () => {
    loop.pass(2 * PAIR_IDLE_MS + 100);
    askForNewKeys(ssl);
    write(ssl, memory.address, 5);
    loop.until(() => end.received === 5);
    end.pour(7);
    let got = 0;
    loop.until(() => (got += take(1)) === 7);
    expect(end.failure).toBeUndefined();
  });

  it('again and again loses the connection before the answers fill the memory', () => {
    for (let asked = 0; asked < 50_000 && end.failure === undefined; asked += 1) {
      askForNewKeys(ssl);
      handshake(ssl);
      if (asked % 100 === 0) loop.reactor.runTurn(0);
    }
    loop.until(() => end.failure !== undefined);
    expect(end.failure).toContain('it asks for new keys again and again');
  });
});
