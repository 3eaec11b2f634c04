import { expect, it } from 'vitest';
import { parseFibTrie, parseIfInet6 } from './local-addresses.ts';

it('knows the addresses of a namespace from its routing table, and no network or broadcast', () => {
  const trie = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.244.1.0/24 2 0 2
        |-- 10.244.1.0
           /24 link UNICAST
        |-- 10.244.1.7
           /32 host LOCAL
        |-- 10.244.1.255
           /32 link BROADCAST
     |-- 127.0.0.1
        /32 host LOCAL
`;
  expect(parseFibTrie(trie)).toEqual(['10.244.1.7', '127.0.0.1']);
  expect(parseFibTrie('')).toEqual([]);
});

it('reads IPv6 addresses', () => {
  const table = `fd000000000000000000000000000007 02 40 00 80     eth0
00000000000000000000000000000001 01 80 10 80       lo
`;
  expect(parseIfInet6(table)).toEqual(['fd00::7', '::1']);
});
