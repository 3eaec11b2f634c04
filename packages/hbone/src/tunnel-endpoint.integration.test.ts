import { createHash, type Hash } from 'node:crypto';
import { type AmbitError, messageOf } from '@ambit/core/errors';
import type { ByteEndpoint, ByteEndpointHandler, DuplexEndpoint } from '@ambit/reactor/endpoint';
import { EndpointRelay } from '@ambit/reactor/endpoint-relay';
import { TcpEndpoint } from '@ambit/reactor/tcp-endpoint';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Application, TestBed } from './test-bed.ts';

/** One end of a tunnel: notes what comes and sends what it is told to, as fast as it is taken. */
class End implements ByteEndpointHandler {
  readonly events: string[] = [];
  received = 0;
  readonly hash: Hash = createHash('sha256');
  closed: { error: AmbitError | undefined } | undefined;
  endpoint: DuplexEndpoint | undefined;
  #unsent: Buffer = Buffer.alloc(0);
  #then: (() => void) | undefined;

  write(bytes: Buffer, then?: (endpoint: ByteEndpoint) => void): void {
    this.#unsent = bytes;
    const { endpoint } = this;
    if (endpoint !== undefined && then !== undefined) {
      this.#then = (): void => {
        then(endpoint);
      };
    }
    this.onRoom();
  }

  onOpen(): void {
    this.events.push('open');
  }

  onBytes(bytes: Buffer, _address: number, start: number, end: number): void {
    this.received += end - start;
    this.hash.update(bytes.subarray(start, end));
  }

  onEnd(): void {
    this.events.push('end');
  }

  onRoom(): void {
    const output = this.endpoint?.output;
    while (output !== undefined && this.#unsent.length > 0) {
      const size = Math.min(this.#unsent.length, 60_000);
      if (!output.room(size)) return;
      this.#unsent.copy(output.bytes, output.end, 0, size);
      output.end += size;
      this.#unsent = this.#unsent.subarray(size);
    }
    const then = this.#then;
    this.#then = undefined;
    then?.();
  }

  onClose(error: AmbitError | undefined): void {
    this.events.push('close');
    this.closed = { error };
  }
}

let bed: TestBed;

beforeEach(() => {
  bed = new TestBed();
});

afterEach(() => {
  bed.dispose();
  expect(bed.loop.errors).toEqual([]);
});

function tunnel(): { client: End; server: End } {
  const [attempt, incoming] = bed.ask();
  const server = new End();
  const client = new End();
  server.endpoint = incoming.open([], server);
  bed.loop.until(() => attempt.settled);
  client.endpoint = attempt.tunnel?.endpoint(client);
  bed.loop.until(() => client.events.includes('open') && server.events.includes('open'));
  return { client, server };
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe('a tunnel as a byte connection', () => {
  it('is lost, and told so, when what stands on it throws in a call that came later', () => {
    const [attempt, incoming] = bed.ask();
    const server = new End();
    server.onOpen = (): void => {
      throw new Error('a defect');
    };
    const client = new End();
    server.endpoint = incoming.open([], server);
    bed.loop.until(() => attempt.settled);
    client.endpoint = attempt.tunnel?.endpoint(client);
    bed.loop.until(() => server.closed !== undefined && client.closed !== undefined);
    expect(server.closed?.error?.code).toBe('AMBIT_HBONE_INTERNAL');
    expect(client.closed?.error?.code).toBe('AMBIT_HBONE_RESET');
    expect(bed.loop.errors.splice(0).map(messageOf)).toEqual([expect.stringContaining('a defect')]);
  });

  it('carries more than its windows hold, unchanged, both ways at once, and ends in good order', () => {
    const { client, server } = tunnel();
    const up = Buffer.alloc(9_000_001, 'up to the server ');
    const down = Buffer.alloc(7_000_003, 'down to the client ');
    client.write(up, () => client.endpoint?.endOutput());
    server.write(down, () => server.endpoint?.endOutput());
    bed.loop.until(() => client.closed !== undefined && server.closed !== undefined, 20_000);
    expect([server.received, client.received]).toEqual([up.length, down.length]);
    expect([server.hash.digest('hex'), client.hash.digest('hex')]).toEqual([digest(up), digest(down)]);
    expect([client.closed, server.closed]).toEqual([{ error: undefined }, { error: undefined }]);
  });

  it('keeps the other direction open after one end', () => {
    const { client, server } = tunnel();
    client.write(Buffer.from('question'), () => client.endpoint?.endOutput());
    bed.loop.until(() => server.events.includes('end'));
    expect(server.received).toBe(8);
    expect(server.closed).toBeUndefined();
    server.write(Buffer.from('the answer'), () => server.endpoint?.endOutput());
    bed.loop.until(() => client.closed !== undefined && server.closed !== undefined);
    expect(client.received).toBe(10);
    expect(client.events).toEqual(['open', 'end', 'close']);
  });

  it('holds its sender back while nobody reads, and not the tunnels beside it', () => {
    const slow = tunnel();
    const fast = tunnel();
    slow.server.endpoint?.pauseReading();
    const bytes = Buffer.alloc(12_000_000, 'held back ');
    slow.client.write(bytes);
    bed.loop.pass(50);
    expect(slow.server.received).toBe(0);
    expect(slow.client.endpoint?.congested).toBe(true);
    fast.client.write(bytes);
    bed.loop.until(() => fast.server.received === bytes.length, 20_000);
    expect(slow.server.received).toBe(0);
    slow.server.endpoint?.resumeReading();
    bed.loop.until(() => slow.server.received === bytes.length, 20_000);
    expect(slow.server.hash.digest('hex')).toBe(digest(bytes));
  });

  it('shows a reset as a reset, and says nothing more', () => {
    const { client, server } = tunnel();
    client.endpoint?.destroy();
    expect(client.closed).toEqual({ error: undefined });
    bed.loop.until(() => server.closed !== undefined);
    expect(server.closed?.error?.code).toBe('AMBIT_HBONE_RESET');
    client.write(Buffer.from('too late'));
    bed.loop.pass(20);
    expect([client.events, server.events]).toEqual([
      ['open', 'close'],
      ['open', 'close'],
    ]);
    bed.loop.until(() => bed.reactor.buffers.lent === 0);
  });

  it('tells of a lost connection once', () => {
    const { client, server } = tunnel();
    bed.server.destroy();
    bed.loop.until(() => client.closed !== undefined && server.closed !== undefined);
    expect(client.events).toEqual(['open', 'close']);
    expect(client.closed?.error).toBeDefined();
  });

  it('delivers its last words to an application that reads them late', () => {
    const [attempt, incoming] = bed.ask();
    const server = new End();
    server.endpoint = incoming.open([], server);
    bed.loop.until(() => attempt.settled);
    const [far, near] = bed.loop.tcpPair();
    const application = new Application(bed.reactor, far);
    application.pause();
    attempt.tunnel?.relay(near, () => undefined);
    server.write(Buffer.alloc(3_000_000, 'last words '), (endpoint) => {
      endpoint.end();
    });
    bed.loop.pass(50);
    application.resume();
    bed.loop.until(() => application.ended !== undefined, 20_000);
    expect([application.count, application.ended]).toEqual([3_000_000, 'fin']);
  });
});

describe('a relay between a tunnel and a connection', () => {
  function relayed(): { near: Application; far: End; ends: unknown[] } {
    const { client, server } = tunnel();
    const [applicationFd, proxyFd] = bed.loop.tcpPair();
    const near = new Application(bed.reactor, applicationFd);
    const opening = new End();
    const plain = new TcpEndpoint(bed.reactor, proxyFd, opening);
    bed.loop.until(() => opening.events.includes('open'));
    const ends: unknown[] = [];
    if (client.endpoint === undefined) throw new Error('no tunnel');
    new EndpointRelay(plain, client.endpoint, (up, down, error) => {
      ends.push([up, down, error?.code]);
    });
    return { near, far: server, ends };
  }

  it('moves everything both ways and ends when both have', () => {
    const { near, far, ends } = relayed();
    near.keeps = false;
    near.pour(5_000_000);
    far.write(Buffer.alloc(4_000_000, 'y'), () => far.endpoint?.endOutput());
    bed.loop.until(() => near.poured && near.count === 4_000_000 && far.received === 5_000_000, 20_000);
    expect(near.ended).toBe('fin');
    expect(ends).toEqual([]);
    near.finish();
    bed.loop.until(() => ends.length > 0 && far.closed !== undefined);
    expect(ends).toEqual([[5_000_000, 4_000_000, undefined]]);
    expect(far.closed).toEqual({ error: undefined });
  });

  it('lets a server speak first', () => {
    const { near, far } = relayed();
    far.write(Buffer.from('220 welcome'));
    bed.loop.until(() => near.received === '220 welcome');
    near.close();
    bed.loop.until(() => far.events.includes('end'));
    far.endpoint?.end();
    bed.loop.until(() => far.closed !== undefined);
  });

  it('passes a reset on, both ways', () => {
    const one = relayed();
    one.near.reset();
    bed.loop.until(() => one.far.closed !== undefined && one.ends.length === 1);
    expect(one.far.closed?.error?.code).toBe('AMBIT_HBONE_RESET');
    const other = relayed();
    other.far.endpoint?.destroy();
    bed.loop.until(() => other.near.ended !== undefined && other.ends.length === 1);
    expect(other.near.ended).toBe('reset');
    expect(other.ends).toEqual([[0, 0, 'AMBIT_HBONE_RESET']]);
  });
});
