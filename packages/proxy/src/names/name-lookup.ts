import { Resolver } from 'node:dns/promises';
import { type IpAddress, isIpv6, parseIp, parseSocketAddress } from '@ambit/core/address';
import { NAME_LOOKUP_TIMEOUT, NAME_LOOKUP_TRIES } from '../limits.ts';

/** What a name stands for at the moment. */
export type LookupResult =
  /** `ttl`: seconds. */
  | { readonly kind: 'found'; readonly addresses: readonly IpAddress[]; readonly ttl: number }
  /** The resolver knows that there is no such name, or that it has no address. */
  | { readonly kind: 'gone'; readonly reason: string }
  /** Nobody has said anything. */
  | { readonly kind: 'failed'; readonly reason: string };

/** Looks a full name up, both families; never throws. */
export type LookUp = (name: string) => Promise<LookupResult>;

const GONE: ReadonlySet<string> = new Set(['ENODATA', 'ENOTFOUND']);

/** `server`: the resolver, `ip` or `ip:port`; empty: those of /etc/resolv.conf. Search lists and /etc/hosts do not count. */
export function lookUpBy(server: string): LookUp {
  const resolver = new Resolver({ timeout: NAME_LOOKUP_TIMEOUT, tries: NAME_LOOKUP_TRIES });
  if (server !== '') resolver.setServers([serverText(server)]);
  return async (name) => {
    const [four, six] = await Promise.all([
      answer(() => resolver.resolve4(name, { ttl: true })),
      answer(() => resolver.resolve6(name, { ttl: true })),
    ]);
    const records = [...four.records, ...six.records];
    if (records.length > 0) {
      const addresses = records.map(({ address }) => parseIp(address)).filter((ip) => ip !== undefined);
      return { kind: 'found', addresses, ttl: Math.min(...records.map(({ ttl }) => ttl)) };
    }
    const silent = [four.error, six.error].find((error) => error !== undefined && !GONE.has(error));
    if (silent !== undefined) return { kind: 'failed', reason: silent };
    return { kind: 'gone', reason: four.error ?? six.error ?? 'ENODATA' };
  };
}

interface Answer {
  readonly records: readonly { readonly address: string; readonly ttl: number }[];
  readonly error: string | undefined;
}

async function answer(ask: () => Promise<Answer['records']>): Promise<Answer> {
  try {
    return { records: await ask(), error: undefined };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'EFAILED';
    return { records: [], error: code };
  }
}

/** As the resolver takes it. */
function serverText(server: string): string {
  const ip = parseIp(server);
  const address = ip === undefined ? parseSocketAddress(server) : { ip, port: 53 };
  if (address === undefined) return server;
  return isIpv6(address.ip) ? `[${address.ip}]:${address.port}` : `${address.ip}:${address.port}`;
}
