import type { Portion } from './component.ts';
import { textEntry } from './file-entry.ts';
import type { TarEntry } from './tar.ts';

/** Users and groups by name, with their number. */
const USERS = { root: 0, nonroot: 65_532, 'istio-proxy': 1_337 };

/** `tcp` in a rule of nftables is looked up here. */
const PROTOCOLS = { ip: 0, icmp: 1, igmp: 2, tcp: 6, udp: 17, ipv6: 41, 'ipv6-icmp': 58, sctp: 132 };

/** The folders, accounts and settings below everything else. */
export function skeleton(): Portion {
  return {
    purpose: 'folders and accounts',
    entries: [
      ...['dev', 'proc', 'run', 'sys', 'usr/lib', 'usr/lib64'].map(directory),
      { kind: 'directory', path: 'tmp', mode: 0o1777 },
      { kind: 'link', path: 'lib', target: 'usr/lib' },
      { kind: 'link', path: 'lib64', target: 'usr/lib64' },
      { kind: 'link', path: 'var/run', target: '../run' },
      lines(
        'etc/passwd',
        Object.entries(USERS).map(([name, id]) => `${name}:x:${id}:${id}::/tmp:/nologin`),
      ),
      lines(
        'etc/group',
        Object.entries(USERS).map(([name, id]) => `${name}:x:${id}:`),
      ),
      lines(
        'etc/protocols',
        Object.entries(PROTOCOLS).map(([name, number]) => `${name} ${number} ${name.toUpperCase()}`),
      ),
      lines('etc/nsswitch.conf', ['passwd: files', 'group: files', 'hosts: files dns', 'protocols: files']),
    ],
    components: [],
  };
}

function directory(path: string): TarEntry {
  return { kind: 'directory', path, mode: 0o755 };
}

function lines(path: string, text: readonly string[]): TarEntry {
  return textEntry(path, `${text.join('\n')}\n`);
}
