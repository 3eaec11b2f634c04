import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import { formatSocketAddress, ipFromBytes, ipToBytes, parseIp, parseSocketAddress } from './address.ts';
import { cidrContains, cidrFromBytes, parseCidr } from './cidr.ts';

describe('IP addresses', () => {
  it('have one text each', () => {
    expect(parseIp('2001:DB8:0:0::1')).toBe('2001:db8::1');
    expect(parseIp('::ffff:10.1.2.3')).toBe('10.1.2.3');
    expect(ipFromBytes(ipToBytes('2001:db8::1'))).toBe('2001:db8::1');
    expect(ipFromBytes(Uint8Array.of(10, 1, 2, 3))).toBe('10.1.2.3');
  });

  it.each(['', '10.1', '010.1.2.3', '1.2.3.4.5', '1.2.3.256', 'fe80::1%eth0', 'localhost', '0x7f.1.1.1'])(
    'refuse %j',
    (text) => {
      expect(parseIp(text)).toBeUndefined();
    },
  );

  it('of version 4 are read as the library reads them', () => {
    const part = fc.oneof(
      fc.integer({ min: 0, max: 300 }).map(String),
      fc.constantFrom('', '00', '01', '-1', ' 1', '1e1', '0x1'),
    );
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
        const text = parts.join('.');
        const valid = ipaddr.IPv4.isValidFourPartDecimal(text);
        expect(parseIp(text)).toBe(valid ? text : undefined);
        if (valid) expect([...ipToBytes(text)]).toEqual(ipaddr.IPv4.parse(text).toByteArray());
        else expect(() => ipToBytes(text)).toThrow(/is not an IP address/);
      }),
    );
  });

  it('refuse any other number of bytes', () => {
    expect(ipFromBytes(new Uint8Array(5))).toBeUndefined();
  });
});

describe('socket addresses', () => {
  it('read and write both families', () => {
    expect(parseSocketAddress('10.0.0.1:80')).toEqual({ ip: '10.0.0.1', port: 80 });
    expect(parseSocketAddress('[2001:db8::1]:15008')).toEqual({ ip: '2001:db8::1', port: 15008 });
    expect(formatSocketAddress({ ip: '2001:db8::1', port: 80 })).toBe('[2001:db8::1]:80');
  });

  it.each([
    '10.0.0.1:0',
    '10.0.0.1:65536',
    '10.0.0.1:+80',
    '10.0.0.1:080',
    '10.0.0.1',
    '2001:db8::1:80',
    '[10.0.0.1]:80',
    ':80',
  ])('refuse %j', (text) => {
    expect(parseSocketAddress(text)).toBeUndefined();
  });
});

describe('prefixes', () => {
  it('contain by leading bits, never across families', () => {
    const cidr = parseCidr('10.1.0.0/15');
    expect(cidr).toBeDefined();
    if (cidr === undefined) return;
    expect(cidrContains(cidr, '10.0.255.255')).toBe(true);
    expect(cidrContains(cidr, '10.2.0.0')).toBe(false);
    expect(cidrContains(cidr, '::ffff:0:1')).toBe(false);
  });

  it('of length zero hold everything of their family', () => {
    expect(cidrContains({ bytes: new Uint8Array(4), prefixLength: 0 }, '1.2.3.4')).toBe(true);
  });

  it.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/08', '::/129', 'x/8'])('refuse %j', (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });

  it('refuse a length beyond the address, however it is encoded', () => {
    expect(cidrFromBytes(new Uint8Array(4), 256)).toBeUndefined();
    expect(cidrFromBytes(new Uint8Array(4), 33)).toBeUndefined();
  });
});
