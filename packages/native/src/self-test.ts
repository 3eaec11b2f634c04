import { endianness } from 'node:os';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { close, openReadOnly } from './descriptor.ts';
import { EPOLLIN, Epoll } from './epoll.ts';
import { EBADF } from './errno.ts';
import { openEvent, raiseEvent } from './eventfd.ts';
import { openUdpListener } from './listening-socket.ts';
import { readSealedMemoryFile, sealedMemoryFile } from './memfd.ts';
import { allocate } from './memory.ts';
import { homeNamespace, inNamespace } from './namespace.ts';
import { type OpensslVersion, opensslVersion } from './openssl-version.ts';
import { type Capability, effectiveCapabilities } from './process.ts';
import { localAddress, openTcpSocket } from './socket.ts';
import { AF_INET } from './socket-address.ts';
import { getMark, setMark } from './socket-option.ts';
import { freeBioPair, newBioPair, pairBytes } from './tls-session.ts';
import { receivePacket, seqpacketPair, sendPacket, takeDescriptors } from './unix-socket.ts';

export interface SelfTestOptions {
  /** What the program is going to need. Default none. */
  readonly capabilities?: readonly Capability[];
}

const memory = allocate(64);

/**
 * Proves at start what the rest of the package takes for granted: the functions exist (importing this file has bound
 * them all), the layouts are the kernel's, the privileges are there. Throws `AMBIT_SELF_TEST` or `AMBIT_PRIVILEGE` that
 * say what is missing and how to get it. Takes about two milliseconds.
 */
export function selfTest(options: SelfTestOptions = {}): OpensslVersion {
  prove('architecture', () => ['x64', 'arm64'].includes(process.arch) && endianness() === 'LE');
  prove('errno', () => close(-1) === -EBADF);
  prove('struct epoll_event', provesEpoll);
  prove('struct sockaddr_in', provesSocketAddress);
  prove('struct msghdr and descriptor passing', provesPackets);
  prove('sealed memory files', provesMemoryFiles);
  const openssl = opensslVersion();
  prove(`OpenSSL 3 (found ${openssl.text})`, () => openssl.major === 3 || openssl.major === 4);
  prove('OpenSSL BIO pairs', provesPairs);
  provePrivileges(options.capabilities ?? []);
  return openssl;
}

function prove(what: string, holds: () => boolean): void {
  let reason = `unexpected result on ${process.platform} ${process.arch}, Node ${process.version}`;
  try {
    if (holds()) return;
  } catch (error) {
    reason = messageOf(error);
  }
  throw new AmbitError(
    'AMBIT_SELF_TEST',
    `${what}: ${reason}; use Linux 5.10 or newer with the Node binary of the release`,
    {
      source: 'system',
    },
  );
}

function provesEpoll(): boolean {
  const tags = [0x12_3456, 0x7fff_fffe];
  const events = tags.map(openEvent);
  const epoll = new Epoll(4);
  events.forEach((event, index) => epoll.add(event, EPOLLIN, tags[index] ?? 0));
  events.forEach(raiseEvent);
  // Two events, so that the size of one shows in the place of the other.
  const count = epoll.wait(1000);
  const seen = [0, 1]
    .map((index) => `${epoll.descriptorAt(index)} ${epoll.tagAt(index)} ${epoll.eventsAt(index)}`)
    .sort();
  const expected = events.map((event, index) => `${event} ${tags[index]} ${EPOLLIN}`).sort();
  [...events, epoll.fd].forEach(close);
  return count === 2 && seen.join() === expected.join();
}

function provesSocketAddress(): boolean {
  const fd = openUdpListener({ address: { ip: '127.0.0.1', port: 0 } });
  const address = localAddress(fd);
  close(fd);
  return address.ip === '127.0.0.1' && address.port > 0;
}

function provesPackets(): boolean {
  const [left, right] = seqpacketPair();
  const file = openReadOnly('/dev/null');
  const sent = sendPacket(left, memory.address, 3, [file]);
  const received = receivePacket(right, memory.address, 64, 1);
  const descriptors = takeDescriptors();
  [left, right, file, ...descriptors].forEach(close);
  return sent === 3 && received === 3 && descriptors.length === 1;
}

function provesMemoryFiles(): boolean {
  const fd = sealedMemoryFile('self-test', Buffer.from('sealed'));
  const content = readSealedMemoryFile(fd).toString();
  close(fd);
  return content === 'sealed';
}

function provesPairs(): boolean {
  const pair = newBioPair(4096);
  const empty = pairBytes(pair) === 0;
  freeBioPair(pair);
  return empty;
}

function provePrivileges(needed: readonly Capability[]): void {
  if (needed.length === 0) return;
  const present = effectiveCapabilities();
  const missing = needed.filter((capability) => !present.has(capability));
  if (missing.length > 0) {
    throw new AmbitError(
      'AMBIT_PRIVILEGE',
      `${missing.join(', ')} missing: add them to securityContext.capabilities of the pod, run as root, or inside a user namespace`,
      { source: 'system' },
    );
  }
  // Holding a capability is not the same as being allowed to use it: seccomp, or a namespace of another owner.
  if (needed.includes('CAP_SYS_ADMIN')) prove('setns', () => inNamespace(homeNamespace(), () => true));
  if (needed.includes('CAP_NET_ADMIN')) prove('SO_MARK', provesMark);
}

function provesMark(): boolean {
  const fd = openTcpSocket(AF_INET);
  try {
    setMark(fd, 0x539);
    return getMark(fd) === 0x539;
  } finally {
    close(fd);
  }
}
