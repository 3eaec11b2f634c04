import './arm-faults.ts';
import { readdirSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AmbitError } from '@ambit/core/errors';
import { datagramSource, receiveDatagram, sendDatagram } from './datagram.ts';
import { close, duplicate, openReadOnly, setCloseOnExec } from './descriptor.ts';
import { EPOLLIN, Epoll } from './epoll.ts';
import { EINPROGRESS, EMFILE, ENOMEM, SystemCallError } from './errno.ts';
import { openEvent, raiseEvent, takeEvent } from './eventfd.ts';
import { clearFaults, failCall, nativeCalls } from './fault.ts';
import { openTcpListener, openUdpListener } from './listening-socket.ts';
import { readSealedMemoryFile, sealedMemoryFile } from './memfd.ts';
import { allocate } from './memory.ts';
import { freeHandle, HANDLE_BIO, HANDLE_CONTEXT, HANDLE_SESSION, type HandleKind } from './openssl-handle.ts';
import { opensslVersion } from './openssl-version.ts';
import { peerCertificate } from './peer-certificate.ts';
import { effectiveCapabilities, openProcess, raiseOpenFileLimit } from './process.ts';
import {
  SHUT_WR,
  accept4,
  acceptedPeer,
  connect,
  localAddress,
  openTcpSocket,
  peerAddress,
  recv,
  send,
  shutdown,
  socketError,
} from './socket.ts';
import { AF_INET } from './socket-address.ts';
import { originalDestination, setKeepalive, setNoDelay, setResetOnClose, takeError } from './socket-option.ts';
import { testCertificate } from './test-certificates.ts';
import { type TlsContextOptions, createTlsContext } from './tls-context.ts';
import {
  TLS_DONE,
  TLS_FAILED,
  TLS_WANTS_READ,
  alpn,
  attach,
  detach,
  handshake,
  hasPending,
  lastFailure,
  newBioPair,
  newSession,
  pairAddress,
  pairBytes,
  pairConsume,
  read,
  sayGoodbye,
  write,
} from './tls-session.ts';
import {
  acceptSeqpacket,
  connectSeqpacket,
  listenSeqpacket,
  peerCredentials,
  receivePacket,
  seqpacketPair,
  sendPacket,
  takeDescriptors,
} from './unix-socket.ts';

/**
 * Drives the whole surface of the package: in a loop, looking for leaks, and with each native call made to fail at each
 * place where it is called. AMBIT_SOAK_SECONDS (default 5) is how long each part may take.
 */
const SOAK_MS = Number(process.env.AMBIT_SOAK_SECONDS ?? '5') * 1000;

const memory = allocate(65_536);
const root = testCertificate({ authority: true });
const leaf = testCertificate({ issuer: root, uris: ['spiffe://cluster.local/ns/a/sa/b'] });
const material: Omit<TlsContextOptions, 'side'> = {
  certificateChainPem: leaf.certificatePem,
  privateKeyPem: leaf.privateKeyPem,
  rootsPem: root.certificatePem,
};

/** What a scenario has in hand, so that it is released whatever happens. */
class Hand {
  readonly #descriptors: number[] = [];
  readonly #objects: [HandleKind, number][] = [];

  addDescriptor(fd: number): void {
    this.#descriptors.push(fd);
  }

  addObject(kind: HandleKind, address: number): void {
    this.#objects.push([kind, address]);
  }

  empty(): void {
    for (const [kind, address] of this.#objects) freeHandle(kind, address);
    this.#descriptors.forEach(close);
  }
}

type Scenario = (hand: Hand) => void;

function run(scenario: Scenario): void {
  const hand = new Hand();
  try {
    scenario(hand);
  } finally {
    hand.empty();
  }
}

function keep(hand: Hand, fd: number, syscall = ''): number {
  const kept = checked(syscall, fd);
  hand.addDescriptor(kept);
  return kept;
}

function checked(syscall: string, result: number): number {
  if (result < 0) throw socketError(syscall, result, 'scenario');
  return result;
}

function readable(fd: number): void {
  const epoll = new Epoll(1);
  try {
    epoll.add(fd, EPOLLIN, 1);
    epoll.wait(200);
  } finally {
    close(epoll.fd);
  }
}

function tcpPair(hand: Hand): readonly [number, number] {
  const listener = keep(hand, openTcpListener({ address: { ip: '127.0.0.1', port: 0 } }));
  const client = keep(hand, openTcpSocket(AF_INET));
  const result = connect(client, localAddress(listener));
  if (result !== -EINPROGRESS) checked('connect', result);
  readable(listener);
  return [client, keep(hand, accept4(listener), 'accept4')];
}

const scenarios: Record<string, Scenario> = {
  tcp: (hand) => {
    const [client, server] = tcpPair(hand);
    expect(acceptedPeer()).toEqual(localAddress(client));
    peerAddress(client);
    originalDestination(server);
    setNoDelay(client);
    setKeepalive(client, { idle: 1, interval: 1, probes: 1 });
    takeError(client);
    checked('send', send(client, memory.address, 1000));
    readable(server);
    checked('recv', recv(server, memory.address, 1000));
    checked('shutdown', shutdown(client, SHUT_WR));
    setResetOnClose(client);
  },
  datagrams: (hand) => {
    const fd = keep(hand, openUdpListener({ address: { ip: '::1', port: 0 } }));
    checked('sendto', sendDatagram(fd, memory.address, 100, localAddress(fd)));
    readable(fd);
    checked('recvmsg', receiveDatagram(fd, memory.address, 100));
    datagramSource();
  },
  packets: (hand) => {
    const listener = keep(hand, listenSeqpacket('@ambit-fault-test', 1));
    const client = keep(hand, connectSeqpacket('@ambit-fault-test'));
    const server = keep(hand, acceptSeqpacket(listener), 'accept4');
    peerCredentials(server);
    seqpacketPair().forEach((fd) => hand.addDescriptor(fd));
    const files = Array.from({ length: 5 }, () => keep(hand, openReadOnly('/dev/null')));
    checked('sendmsg', sendPacket(client, memory.address, 10, files));
    checked('recvmsg', receivePacket(server, memory.address, 10, 5));
    takeDescriptors().forEach((fd) => hand.addDescriptor(fd));
  },
  events: (hand) => {
    const event = keep(hand, openEvent());
    raiseEvent(event);
    readable(event);
    takeEvent(event);
    const epoll = new Epoll(4);
    hand.addDescriptor(epoll.fd);
    epoll.add(event, EPOLLIN, 1);
    epoll.modify(event, EPOLLIN, 2);
    epoll.remove(event);
  },
  files: (hand) => {
    const file = keep(hand, sealedMemoryFile('state', Buffer.alloc(100_000, 'x')));
    const copy = keep(hand, duplicate(file));
    setCloseOnExec(copy, false);
    expect(readSealedMemoryFile(copy).length).toBe(100_000);
    raiseOpenFileLimit();
    effectiveCapabilities();
    keep(hand, openProcess(process.pid));
  },
  contexts: () => {
    opensslVersion();
    createTlsContext({ side: 'server', ...material }).free();
    createTlsContext({ side: 'client', ...material, rootsPem: root.certificatePem + leaf.certificatePem }).free();
  },
  sessions: (hand) => {
    const [client, server] = tcpPair(hand);
    const contexts = (['client', 'server'] as const).map((side) => createTlsContext({ side, ...material }));
    contexts.forEach((context) => hand.addObject(HANDLE_CONTEXT, context.address));
    const [first = 0, second = 0] = contexts.map((context, index) => {
      const ssl = newSession(context, index === 0 ? client : server);
      hand.addObject(HANDLE_SESSION, ssl);
      return ssl;
    });
    handshakeBoth(first, client, second, server);
    expect(alpn(first)).toBe('h2');
    if (peerCertificate(first)?.uris[0] !== 'spiffe://cluster.local/ns/a/sa/b')
      throw new AmbitError('AMBIT_TEST', 'no peer certificate');
    const pair = newBioPair(300_000);
    hand.addObject(HANDLE_BIO, pair.readEnd);
    hand.addObject(HANDLE_BIO, pair.writeEnd);
    attach(first, pair);
    if (write(first, memory.address, 20_000) <= 0) throw lastFailure(first);
    const length = pairBytes(pair);
    if (length === 0) throw new AmbitError('AMBIT_TEST', 'BIO_nread0 gave nothing');
    checked('send', send(client, pairAddress(), length));
    pairConsume(pair, length);
    detach(first);
    readable(server);
    if (read(second, memory.address, 16_384) <= 0) throw lastFailure(second);
    hasPending(second);
    sayGoodbye(first);
  },
};

function handshakeBoth(client: number, clientFd: number, server: number, serverFd: number): void {
  let [ofClient, ofServer] = [TLS_WANTS_READ, TLS_WANTS_READ];
  for (let step = 0; step < 3 && ofServer === TLS_WANTS_READ; step += 1) {
    if (step > 0) readable(clientFd);
    if (ofClient === TLS_WANTS_READ) ofClient = handshake(client);
    if (ofClient === TLS_FAILED) throw lastFailure(client);
    readable(serverFd);
    ofServer = handshake(server);
    if (ofServer === TLS_FAILED) throw lastFailure(server);
  }
  expect([ofClient, ofServer]).toEqual([TLS_DONE, TLS_DONE]);
}

function openFiles(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Bytes of resident memory per round in the second half of a long run; a short one tells nothing, and counts as 0. */
function growthPerRound(samples: readonly number[], rounds: number): number {
  if (SOAK_MS < 60_000) return 0;
  const settled = samples.slice(Math.floor(samples.length / 2));
  return ((settled.at(-1) ?? 0) - (settled[0] ?? 0)) / Math.max(1, (settled.length - 1) * rounds);
}

const names = Object.keys(scenarios);
const scenarioOf = (name: string): Scenario => scenarios[name] ?? (() => undefined);

beforeAll(() => {
  // Whatever is opened once and kept.
  for (const name of names) run(scenarioOf(name));
});
afterEach(() => {
  clearFaults();
});

describe('the native surface, driven in a loop', () => {
  it(
    'keeps neither descriptors nor memory',
    () => {
      clearFaults();
      const files = openFiles();
      const end = performance.now() + SOAK_MS;
      const rss: number[] = [];
      let rounds = 0;
      while (performance.now() < end) {
        for (const name of names) run(scenarioOf(name));
        rounds += 1;
        if (rounds % 50 === 0) rss.push(process.memoryUsage.rss());
      }
      expect(openFiles()).toBe(files);
      const called = (name: string): number => nativeCalls().get(name) ?? 0;
      expect(called('SSL_new')).toBeGreaterThan(10);
      expect(called('SSL_free')).toBe(called('SSL_new'));
      expect(called('SSL_CTX_free')).toBe(called('SSL_CTX_new'));
      expect(called('BIO_free')).toBe(2 * called('BIO_new_bio_pair') + called('BIO_new_mem_buf'));
      expect(called('EVP_PKEY_free')).toBe(called('PEM_read_bio_PrivateKey'));
      // Each context reads two lists of certificates, and the last read of a list finds none.
      const certificates =
        called('PEM_read_bio_X509') - 2 * called('SSL_CTX_new') + called('SSL_get1_peer_certificate');
      expect(called('X509_free')).toBe(certificates);
      expect(growthPerRound(rss, 50)).toBeLessThan(8_192);
    },
    SOAK_MS + 30_000,
  );
});

// What cannot fail in earnest, or whose failure is none of the caller's business: the thing is gone in any case.
const SILENT = new Set([
  'close',
  'read',
  'ERR_peek_last_error',
  'ERR_clear_error',
  'ERR_error_string_n',
  'SSL_free',
  'SSL_CTX_free',
  'BIO_free',
  'BIO_nread',
  'X509_free',
  'EVP_PKEY_free',
  'SSL_set_connect_state',
  'SSL_set_accept_state',
  'SSL_shutdown',
  'SSL_has_pending',
  'SSL_set0_wbio',
  'SSL_get0_alpn_selected',
  'SSL_get_error',
  'SSL_get_verify_result',
  'SSL_CTX_set_options',
  'SSL_CTX_set_verify',
  'SSL_CTX_set_cert_verify_callback',
  'SSL_CTX_set_default_read_buffer_len',
  'SSL_CTX_set_alpn_select_cb',
  // A certificate whose verification cannot be remembered is verified each time.
  'X509_STORE_CTX_get0_cert',
  'X509_STORE_CTX_get0_chain',
  'OPENSSL_sk_num',
  'OPENSSL_sk_value',
  'X509_get0_notAfter',
  'ASN1_TIME_diff',
  'OpenSSL_version',
  'OpenSSL_version_num',
]);

// Noticed at most places, but not: a mode that is set again, SO_LINGER before a close, a handshake step that is simply
// repeated, a removal of what is gone, a certificate that is only looked up.
const SOMETIMES_SILENT = new Set(['SSL_CTX_ctrl', 'setsockopt', 'SSL_do_handshake', 'epoll_ctl', 'i2d_X509']);

describe.each(names)('every native call of "%s", made to fail once', (name) => {
  it(
    'is reported by name, and nothing stays open',
    () => {
      clearFaults();
      run(scenarioOf(name));
      const counts = new Map(nativeCalls());
      const files = openFiles();
      const noticed = new Set<string>();
      const end = performance.now() + Math.max(SOAK_MS, 5000);
      for (const [call, count] of counts) {
        for (let nth = 1; nth <= count && performance.now() < end; nth += 1) {
          const place = `${call}, call ${nth} of ${count}`;
          const thrown = runWithFault(scenarioOf(name), call, nth);
          expect(openFiles(), `${place}: open files`).toBe(files);
          expect(clearFaults(), `${place}: never reached`).toEqual([]);
          if (thrown !== undefined) noticed.add(call);
          if (SILENT.has(call)) continue;
          if (thrown === undefined) expect(SOMETIMES_SILENT.has(call), `${place}: was not noticed`).toBe(true);
          else expect(thrown, place).toBeInstanceOf(AmbitError);
          if (thrown instanceof SystemCallError && call !== 'syscall') expect(thrown.syscall, place).toBe(call);
        }
      }
      expect([...counts.keys()].filter((call) => !noticed.has(call) && !SILENT.has(call))).toEqual([]);
    },
    SOAK_MS + 60_000,
  );
});

/** What the scenario threw while the `nth` call of `call` failed. */
function runWithFault(scenario: Scenario, call: string, nth: number): unknown {
  clearFaults();
  failCall(call, nth, call === 'accept4' ? EMFILE : ENOMEM);
  try {
    run(scenario);
  } catch (error) {
    return error;
  }
  return undefined;
}

it('a certificate that comes again is verified once per side', () => {
  clearFaults();
  for (let count = 0; count < 3; count += 1) run(scenarioOf('sessions'));
  expect(nativeCalls().get('SSL_new')).toBe(6);
  expect(nativeCalls().get('X509_verify_cert') ?? 0).toBe(0);
});

it('faults cannot be planned by accident', () => {
  failCall('recv', 1_000_000, ENOMEM);
  expect(clearFaults()).toEqual(['recv']);
});
