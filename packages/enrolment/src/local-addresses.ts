import { readFileSync } from 'node:fs';
import { type IpAddress, ipFromBytes, parseIp } from '@ambit/core/address';
import { inNamespace } from '@ambit/native/namespace';

/**
 * The addresses that a network namespace takes for its own, loopback included. Read from the routing table, because
 * an interface that is not up yet has its addresses there as well.
 */
export function localAddresses(namespace: number): Set<IpAddress> {
  // /proc/net leads to the main thread's namespace, whichever thread asks.
  const read = (file: string): string => {
    try {
      return readFileSync(`/proc/thread-self/net/${file}`, 'latin1');
    } catch {
      // A kernel without IPv6 has no such table; without IPv4 there is nothing to redirect.
      return '';
    }
  };
  return inNamespace(namespace, () => new Set([...parseFibTrie(read('fib_trie')), ...parseIfInet6(read('if_inet6'))]));
}

/** The addresses that /proc/net/fib_trie calls local: a leaf `|-- ip` with a line `/32 host LOCAL` below. */
export function parseFibTrie(text: string): IpAddress[] {
  const found: IpAddress[] = [];
  let leaf: IpAddress | undefined;
  for (const line of text.split('\n')) {
    const match = /^\s*\|-- ([0-9.]+)$/.exec(line);
    if (match !== null) leaf = parseIp(match[1] ?? '');
    else if (leaf !== undefined && /^\s*\/32 host LOCAL\b/.test(line)) found.push(leaf);
  }
  return found;
}

/** The addresses of /proc/net/if_inet6: 32 hexadecimal digits at the head of each line. */
export function parseIfInet6(text: string): IpAddress[] {
  return text.split('\n').flatMap((line) => {
    const digits = /^([0-9a-f]{32}) /.exec(line)?.[1];
    const ip = digits === undefined ? undefined : ipFromBytes(Buffer.from(digits, 'hex'));
    return ip === undefined ? [] : [ip];
  });
}
