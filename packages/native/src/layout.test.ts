import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipFromBytes } from '@ambit/core/address';
import { epollEventLayout } from './epoll.ts';
import { errnoName, SystemCallError } from './errno.ts';
import { allocate, cString, readPointer, writePointer } from './memory.ts';
import { AF_INET6, readSocketAddress, writeSocketAddress } from './socket-address.ts';

const port = fc.integer({ min: 0, max: 65_535 });
const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => ipFromBytes(bytes) ?? '');
const ipv6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => ipFromBytes(bytes) ?? '');

describe('layouts', () => {
  it('struct epoll_event is packed on x86-64 and on no other architecture', () => {
    expect(epollEventLayout('x64')).toEqual({ size: 12, data: 4 });
    expect(epollEventLayout('arm64')).toEqual({ size: 16, data: 8 });
  });

  it('a socket address is what the kernel expects', () => {
    const bytes = Buffer.alloc(28, 0xff);
    expect(writeSocketAddress(bytes, 0, { ip: '10.1.2.3', port: 8080 })).toBe(16);
    expect(bytes.toString('hex', 0, 16)).toBe('02001f900a010203' + '00'.repeat(8));
    expect(writeSocketAddress(bytes, 0, { ip: '2001:db8::1', port: 443 })).toBe(28);
    expect(bytes.toString('hex')).toBe('0a0001bb' + '00000000' + '20010db8000000000000000000000001' + '00000000');
  });

  it('every address comes back as it was written', () => {
    const bytes = Buffer.alloc(40);
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), port, fc.integer({ min: 0, max: 12 }), (ip, number, offset) => {
        writeSocketAddress(bytes, offset, { ip, port: number });
        expect(readSocketAddress(bytes, offset)).toEqual({ ip, port: number });
      }),
    );
  });

  it('an IPv4 address for an IPv6 socket is mapped, and comes back as IPv4', () => {
    const bytes = Buffer.alloc(28);
    expect(writeSocketAddress(bytes, 0, { ip: '10.1.2.3', port: 1 }, AF_INET6)).toBe(28);
    expect(bytes.toString('hex', 8, 24)).toBe('00000000000000000000ffff0a010203');
    expect(readSocketAddress(bytes, 0)).toEqual({ ip: '10.1.2.3', port: 1 });
  });

  it('an address of another family is refused', () => {
    expect(() => readSocketAddress(Buffer.of(1, 0, 0, 0), 0)).toThrow('address family 1');
  });

  it('pointers up to 2^53 survive', () => {
    const bytes = Buffer.alloc(8);
    fc.assert(
      fc.property(fc.maxSafeNat(), (address) => {
        writePointer(bytes, 0, address);
        expect(readPointer(bytes, 0)).toBe(address);
        expect(bytes.readBigUInt64LE(0)).toBe(BigInt(address));
      }),
    );
  });
});

it('memory is zeroed, and its address is not that of other memory', () => {
  const first = allocate(100);
  const second = allocate(100);
  expect(first.bytes.every((byte) => byte === 0)).toBe(true);
  expect(Math.abs(first.address - second.address)).toBeGreaterThanOrEqual(100);
});

it('a C string may be longer than any before', () => {
  const short = cString('a');
  expect(cString('b')).toBe(short);
  expect(cString('c'.repeat(10_000))).not.toBe(short);
});

describe('a failed system call', () => {
  it('names call, subject, error and probable cause', () => {
    const error = new SystemCallError('setns', 1, 'descriptor 7');
    expect(error.message).toMatch(/^setns\(descriptor 7\): EPERM: operation not permitted; .*CAP_SYS_ADMIN/);
    expect(error).toMatchObject({ code: 'AMBIT_SYSCALL', syscall: 'setns', errno: 1, retryable: false });
  });

  it('may be tried again when nothing happened', () => {
    expect(new SystemCallError('connect', 111).retryable).toBe(true);
    expect(new SystemCallError('accept4', 24).message).toContain('RLIMIT_NOFILE');
  });

  it('has a number when it has no name', () => {
    expect(errnoName(104)).toBe('ECONNRESET');
    expect(errnoName(4711)).toBe('errno 4711');
    expect(new SystemCallError('recv', 4711).message).toBe('recv(): errno 4711');
  });
});
