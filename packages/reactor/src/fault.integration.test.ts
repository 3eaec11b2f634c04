import '@ambit/native/arm-faults';
import { readdirSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { close, openReadOnly } from '@ambit/native/descriptor';
import { ECONNRESET, EMFILE, ENOMEM } from '@ambit/native/errno';
import { clearFaults, failCall, nativeCalls } from '@ambit/native/fault';
import { openTcpListener, openUdpListener } from '@ambit/native/listening-socket';
import { localAddress } from '@ambit/native/socket';
import { testCertificate } from '@ambit/native/test-certificates';
import { createTlsContext, type TlsContext } from '@ambit/native/tls-context';
import { seqpacketPair } from '@ambit/native/unix-socket';
import type { ByteEndpoint, ByteEndpointHandler } from './endpoint.ts';
import { Listener } from './listener.ts';
import { PairPool } from './pair-pool.ts';
import { TcpRelay } from './relay.ts';
import { connectTcp, type PendingConnect } from './tcp-connect.ts';
import { TcpEndpoint } from './tcp-endpoint.ts';
import { TestLoop } from './test-loop.ts';
import { TlsEndpoint } from './tls-endpoint.ts';
import { UdpEndpoint } from './udp-endpoint.ts';
import { UnixPacketEndpoint } from './unix-packet-endpoint.ts';

/** How long each part may take; minutes make a soak test of it. */
const SOAK_MS = Number(process.env.AMBIT_SOAK_SECONDS ?? '2') * 1000;

const root = testCertificate({ authority: true });
const leaf = testCertificate({ issuer: root, uris: ['spiffe://cluster.local/ns/a/sa/b'] });
let contexts: Record<'client' | 'server', TlsContext>;

/** Sends `size` bytes back and forth until a round is done, and notes how it ended. */
class Talker implements ByteEndpointHandler {
  endpoint: ByteEndpoint | undefined;
  received = 0;
  ended = false;
  readonly #starts: boolean;
  readonly #size: number;

  constructor(starts: boolean, size: number) {
    this.#starts = starts;
    this.#size = size;
  }

  onOpen(): void {
    if (this.#starts) this.#write(this.#size);
  }

  onBytes(_bytes: Buffer, _address: number, start: number, end: number): void {
    this.received += end - start;
    if (!this.#starts) this.#write(end - start);
    else if (this.received >= this.#size) this.endpoint?.end();
  }

  onEnd(): void {
    this.endpoint?.end();
  }

  onRoom(): void {
    this.endpoint?.end();
  }

  onClose(): void {
    expect(this.ended).toBe(false);
    this.ended = true;
  }

  #write(count: number): void {
    const output = this.endpoint?.output;
    if (output?.room(count) === true) output.end += count;
  }
}

/** A piece of life on the loop. */
interface Act {
  /** True when nothing more is going to happen. */
  done(): boolean;
  /** Gives up whatever is left. */
  stop(): void;
}

type Play = (loop: TestLoop) => Act;

function conversation(
  makeEnd: (loop: TestLoop, fd: number, side: 'client' | 'server', talker: Talker) => ByteEndpoint,
): Play {
  return (loop) => {
    const [client, server] = [new Talker(true, 100_000), new Talker(false, 0)];
    const failed: unknown[] = [];
    let listening = -1;
    let listener: Listener | undefined;
    let pending: PendingConnect | undefined;
    const stop = (): void => {
      pending?.cancel();
      client.endpoint?.destroy();
      server.endpoint?.destroy();
      listener?.stop();
      if (listening >= 0) loop.reactor.close(listening);
    };
    const onAccept = (fd: number): void => {
      server.endpoint = makeEnd(loop, fd, 'server', server);
    };
    const onConnected = (fd: number): void => {
      try {
        client.endpoint = makeEnd(loop, fd, 'client', client);
      } catch (error) {
        loop.reactor.close(fd);
        failed.push(error);
      }
    };
    return unlessBuilt(stop, () => {
      listening = openTcpListener({ address: { ip: '127.0.0.1', port: 0 } });
      loop.reactor.adopt(listening);
      listener = new Listener(loop.reactor, listening, { onAccept });
      const handler = { onConnected, onConnectFailed: (error: unknown) => failed.push(error) };
      pending = connectTcp(loop.reactor, { destination: localAddress(listening) }, handler);
      return { done: () => failed.length > 0 || (client.ended && server.ended), stop };
    });
  };
}

const plays: Record<string, Play> = {
  'TCP conversation': conversation((loop, fd, _side, talker) => new TcpEndpoint(loop.reactor, fd, talker)),
  'TLS conversation': conversation(
    (loop, fd, side, talker) => new TlsEndpoint(loop.reactor, fd, contexts[side], talker),
  ),
  relay: (loop) => {
    const [client, server] = [new Talker(true, 200_000), new Talker(false, 0)];
    const fds: number[] = [];
    let ended = false;
    let relay: TcpRelay | undefined;
    const stop = (): void => {
      relay?.destroy();
      client.endpoint?.destroy();
      server.endpoint?.destroy();
      for (const fd of fds) loop.reactor.close(fd);
    };
    return unlessBuilt(stop, () => {
      const [left, a] = loop.tcpPair();
      fds.push(left, a);
      const [right, b] = loop.tcpPair();
      fds.push(right, b);
      relay = new TcpRelay(loop.reactor, a, b, () => (ended = true));
      client.endpoint = new TcpEndpoint(loop.reactor, left, client);
      fds.length = 0;
      fds.push(right);
      server.endpoint = new TcpEndpoint(loop.reactor, right, server);
      fds.length = 0;
      return { done: () => client.ended && server.ended && ended, stop };
    });
  },
  datagrams: (loop) => {
    let fd = -1;
    let received = 0;
    const stop = (): void => loop.reactor.close(fd);
    return unlessBuilt(stop, () => {
      fd = openUdpListener({ address: { ip: '127.0.0.1', port: 0 } });
      loop.reactor.adopt(fd);
      const endpoint = new UdpEndpoint(loop.reactor, fd, { onDatagram: () => (received += 1) });
      endpoint.send(Buffer.from('to myself'), localAddress(fd));
      return { done: () => received === 1, stop };
    });
  },
  packets: (loop) => {
    const owned: number[] = [];
    const got: number[] = [];
    const ends: UnixPacketEndpoint[] = [];
    let packets = 0;
    const handler = {
      onPacket: (_bytes: Buffer, _start: number, _end: number, descriptors: number[]) => {
        packets += 1;
        got.push(...descriptors);
      },
      onClose: () => (packets = 300),
    };
    const stop = (): void => {
      ends.forEach((end) => end.destroy());
      for (const fd of owned) loop.reactor.close(fd);
      got.forEach(close);
    };
    return unlessBuilt(stop, () => {
      const file = openReadOnly('/dev/null');
      loop.reactor.adopt(file);
      owned.push(file);
      const pair = seqpacketPair();
      owned.push(...pair);
      for (const fd of pair) loop.reactor.adopt(fd);
      for (const fd of pair) {
        ends.push(new UnixPacketEndpoint(loop.reactor, fd, { maxPacketBytes: 100, maxDescriptors: 2 }, handler));
      }
      for (let count = 0; count < 300; count += 1) ends[0]?.send(Buffer.from('file'), [file]);
      return { done: () => packets >= 300, stop };
    });
  },
};

function unlessBuilt(stop: () => void, build: () => Act): Act {
  try {
    return build();
  } catch (error) {
    stop();
    throw error;
  }
}

function openFiles(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Plays on a loop of its own until done or `patience` is over, gives up the rest, and looks for what was left behind. */
function perform(play: Play, patience: number, place = ''): 'done' | 'stuck' | 'failed' {
  const files = openFiles();
  const loop = new TestLoop();
  const outcome = performOn(loop, play, patience, place);
  loop.reactor.dispose();
  expect(openFiles(), `${place}: open files`).toBe(files);
  return outcome;
}

function performOn(loop: TestLoop, play: Play, patience: number, place: string): 'done' | 'stuck' | 'failed' {
  const before = loop.reactor.ledger.size().descriptors;
  let outcome: 'done' | 'stuck' | 'failed' = 'stuck';
  try {
    const act = play(loop);
    const end = performance.now() + patience;
    while (!act.done() && performance.now() < end) loop.reactor.runTurn(1);
    if (act.done()) outcome = 'done';
    act.stop();
  } catch {
    outcome = 'failed';
  }
  // Lingering descriptors see the other end go.
  for (let turns = 0; turns < 5; turns += 1) loop.reactor.runTurn(1);
  const { descriptors, objects } = loop.reactor.ledger.size();
  expect(descriptors, `${place}: descriptors left`).toBe(before);
  expect(loop.reactor.buffers.lent, `${place}: buffers left`).toBe(0);
  expect(PairPool.of(loop.reactor).lent, `${place}: pairs left`).toBe(0);
  expect(objects, `${place}: OpenSSL objects left`).toBe(2 * PairPool.of(loop.reactor).free);
  return outcome;
}

const names = Object.keys(plays);
const playOf = (name: string): Play => plays[name] ?? ((): Act => ({ done: () => true, stop: () => undefined }));

beforeAll(() => {
  const material = {
    certificateChainPem: leaf.certificatePem,
    privateKeyPem: leaf.privateKeyPem,
    rootsPem: root.certificatePem,
  };
  contexts = {
    client: createTlsContext({ side: 'client', ...material }),
    server: createTlsContext({ side: 'server', ...material }),
  };
});
afterEach(() => {
  clearFaults();
});

// A failing wait is the end of the loop; the clean-up of the play itself does not survive its own epoll.
const FATAL = new Set(['epoll_wait', 'epoll_create1']);

describe.each(names)('%s', (name) => {
  it('ends, and leaves nothing behind', () => {
    expect(perform(playOf(name), 5000)).toBe('done');
  });

  it(
    'survives the failure of each native call at each place, with nothing left behind',
    () => {
      clearFaults();
      perform(playOf(name), 5000);
      const counts = [...nativeCalls()].filter(([call]) => !FATAL.has(call));
      const end = performance.now() + SOAK_MS;
      for (const errno of [ENOMEM, ECONNRESET, EMFILE]) {
        for (const [call, count] of counts) {
          for (let nth = 1; nth <= Math.min(count, 12) && performance.now() < end; nth += 1) {
            clearFaults();
            failCall(call, nth, errno);
            perform(playOf(name), 50, `${call}, call ${nth} of ${count}, errno ${errno}`);
          }
        }
      }
    },
    SOAK_MS + 30_000,
  );
});

it(
  'many conversations do not make the process grow',
  () => {
    const end = performance.now() + SOAK_MS;
    const rss: number[] = [];
    const loop = new TestLoop();
    for (let rounds = 1; performance.now() < end; rounds += 1) {
      for (const name of names) expect(performOn(loop, playOf(name), 5000, name), name).toBe('done');
      if (rounds % 20 === 0) rss.push(process.memoryUsage.rss());
    }
    loop.reactor.dispose();
    // In a short run the collector's ups and downs are larger than any leak; handles are counted after each play.
    if (SOAK_MS < 60_000) return;
    const settled = rss.slice(Math.floor(rss.length / 2));
    const growth = ((settled.at(-1) ?? 0) - (settled[0] ?? 0)) / Math.max(1, (settled.length - 1) * 20);
    expect(growth).toBeLessThan(16_384);
  },
  SOAK_MS + 30_000,
);
