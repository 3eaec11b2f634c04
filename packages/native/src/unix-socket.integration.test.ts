import { fstatSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { close, openReadOnly } from './descriptor.ts';
import { EAGAIN, ECONNREFUSED, EMSGSIZE, EPIPE } from './errno.ts';
import { DESCRIPTORS_PER_PACKET } from './limits.ts';
import { readSealedMemoryFile, sealedMemoryFile } from './memfd.ts';
import { allocate } from './memory.ts';
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

const memory = allocate(4096);
const folder = mkdtempSync(join(tmpdir(), 'ambit-native-'));
afterAll(() => rmSync(folder, { recursive: true }));

function openFiles(): number {
  return readdirSync('/proc/self/fd').length;
}

describe('SEQPACKET sockets', () => {
  it.each([join(folder, 'zds.sock'), '@ambit-native-test'])('connect through %s and keep packets apart', (path) => {
    const listener = listenSeqpacket(path, 8);
    const client = connectSeqpacket(path);
    const server = acceptSeqpacket(listener);
    expect(peerCredentials(server)).toEqual({ pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() });
    memory.bytes.write('onetwo');
    sendPacket(client, memory.address, 3);
    sendPacket(client, memory.address + 3, 3);
    expect(receivePacket(server, memory.address + 100, 100, 0)).toBe(3);
    expect(memory.bytes.toString('latin1', 100, 103)).toBe('one');
    expect(receivePacket(server, memory.address + 100, 100, 0)).toBe(3);
    expect(receivePacket(server, memory.address + 100, 100, 0)).toBe(-EAGAIN);
    close(client);
    expect(receivePacket(server, memory.address, 100, 0)).toBe(0);
    expect(sendPacket(server, memory.address, 3)).toBe(-EPIPE);
    close(server);
    close(listener);
  });

  it('refuse a path nobody listens on, with the reason', () => {
    const path = join(folder, 'gone.sock');
    close(listenSeqpacket(path, 1));
    expect(() => connectSeqpacket(path)).toThrow(expect.objectContaining({ errno: ECONNREFUSED, syscall: 'connect' }));
    expect(() => connectSeqpacket(join(folder, 'never.sock'))).toThrow(/has not started yet/);
  });

  it('hand over an open file, close-on-exec', () => {
    const [left, right] = seqpacketPair();
    const file = openReadOnly('/etc/hostname');
    expect(sendPacket(left, memory.address, 1, [file])).toBe(1);
    expect(receivePacket(right, memory.address, 100, 1)).toBe(1);
    const [got = -1, ...rest] = takeDescriptors();
    expect(rest).toEqual([]);
    expect(got).not.toBe(file);
    expect(fstatSync(got).ino).toBe(fstatSync(file).ino);
    expect(readFileSync(`/proc/self/fdinfo/${got}`, 'latin1')).toMatch(/flags:\s*02[0-7]*/);
    for (const fd of [left, right, file, got]) close(fd);
  });

  it('hand over as many descriptors as the kernel allows in one packet', () => {
    const before = openFiles();
    const [left, right] = seqpacketPair();
    const files = Array.from({ length: DESCRIPTORS_PER_PACKET }, () => openReadOnly('/dev/null'));
    expect(sendPacket(left, memory.address, 1, files)).toBe(1);
    expect(receivePacket(right, memory.address, 100, DESCRIPTORS_PER_PACKET)).toBe(1);
    const got = takeDescriptors();
    expect(new Set(got).size).toBe(DESCRIPTORS_PER_PACKET);
    expect(() => sendPacket(left, memory.address, 1, [...files, 0])).toThrow('at most 253');
    for (const fd of [left, right, ...files, ...got]) close(fd);
    expect(openFiles()).toBe(before);
  });

  it.each([
    { sent: 1, allowed: 0 },
    { sent: 2, allowed: 1 },
    { sent: 5, allowed: 2 },
  ])('treat $sent descriptors where $allowed may come as an error and leak none', ({ sent, allowed }) => {
    const before = openFiles();
    const [left, right] = seqpacketPair();
    const files = Array.from({ length: sent }, () => openReadOnly('/dev/null'));
    sendPacket(left, memory.address, 1, files);
    expect(receivePacket(right, memory.address, 100, allowed)).toBe(-EMSGSIZE);
    expect(takeDescriptors()).toEqual([]);
    for (const fd of [left, right, ...files]) close(fd);
    expect(openFiles()).toBe(before);
  });

  it('treat a packet longer than the memory as an error and close what came with it', () => {
    const before = openFiles();
    const [left, right] = seqpacketPair();
    const file = openReadOnly('/dev/null');
    sendPacket(left, memory.address, 200, [file]);
    expect(receivePacket(right, memory.address, 100, 1)).toBe(-EMSGSIZE);
    for (const fd of [left, right, file]) close(fd);
    expect(openFiles()).toBe(before);
  });

  it('close descriptors that nobody took before the next packet', () => {
    const before = openFiles();
    const [left, right] = seqpacketPair();
    const file = openReadOnly('/dev/null');
    sendPacket(left, memory.address, 1, [file]);
    sendPacket(left, memory.address, 1);
    receivePacket(right, memory.address, 10, 1);
    expect(openFiles()).toBe(before + 4);
    receivePacket(right, memory.address, 10, 1);
    expect(takeDescriptors()).toEqual([]);
    for (const fd of [left, right, file]) close(fd);
    expect(openFiles()).toBe(before);
  });
});

describe('memory files', () => {
  it('hold what was put in and refuse to change', () => {
    const content = Buffer.alloc(1_000_000, 'state');
    const fd = sealedMemoryFile('state', content);
    expect(readSealedMemoryFile(fd).equals(content)).toBe(true);
    expect(() => writeSync(fd, 'x', 0)).toThrow('EPERM');
    close(fd);
  });

  it('are not believed when their sender could still change them', () => {
    const file = openReadOnly('/etc/hostname');
    expect(() => readSealedMemoryFile(file)).toThrow('EINVAL');
    close(file);
  });
});
