import { describe, expect, it } from 'vitest';
import { type SocketAddress, parseSocketAddress } from './address.ts';
import { proxyHeader } from './proxy-protocol.ts';

function at(text: string): SocketAddress {
  const address = parseSocketAddress(text);
  if (address === undefined) throw new Error(text);
  return address;
}

const SIGNATURE = '0d0a0d0a000d0a515549540a';

describe('a PROXY header', () => {
  it.each([
    ['10.0.1.7:51000', '10.96.0.1:443', 'PROXY TCP4 10.0.1.7 10.96.0.1 51000 443\r\n'],
    ['[fd00::7]:51000', '[fd00::1]:443', 'PROXY TCP6 fd00::7 fd00::1 51000 443\r\n'],
    ['10.0.1.7:51000', '[fd00::1]:443', 'PROXY TCP6 ::ffff:10.0.1.7 fd00::1 51000 443\r\n'],
  ])('of version 1 from %s to %s', (source, destination, header) => {
    expect(proxyHeader('v1', at(source), at(destination)).toString('latin1')).toBe(header);
  });

  it.each([
    ['10.0.1.7:51000', '10.96.0.1:443', `${SIGNATURE}2111000c0a0001070a600001c73801bb`],
    [
      '[fd00::7]:51000',
      '[fd00::1]:443',
      `${SIGNATURE}21210024fd000000000000000000000000000007fd000000000000000000000000000001c73801bb`,
    ],
    [
      '10.0.1.7:51000',
      '[fd00::1]:443',
      `${SIGNATURE}2121002400000000000000000000ffff0a000107fd000000000000000000000000000001c73801bb`,
    ],
  ])('of version 2 from %s to %s', (source, destination, header) => {
    expect(proxyHeader('v2', at(source), at(destination)).toString('hex')).toBe(header);
  });

  it('of version 2 names who the client has proven to be, as Istio does', () => {
    const principal = 'spiffe://cluster.local/ns/shop/sa/web';
    const header = proxyHeader('v2', at('10.0.1.7:51000'), at('10.96.0.1:443'), principal);
    expect(header.readUInt16BE(14)).toBe(12 + 3 + principal.length);
    expect(header.subarray(28, 31).toString('hex')).toBe('d00025');
    expect(header.subarray(31).toString()).toBe(principal);
  });
});
