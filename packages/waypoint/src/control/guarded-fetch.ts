import type { Clock } from '@ambit/core/clock';
import { type IpAddress, isIpv6, parseIp } from '@ambit/core/address';
import { messageOf } from '@ambit/core/errors';
import { JWKS_REDIRECTS } from '../limits.ts';

// An import of node:http would also load the WebSocket client among its exports.
const http = process.getBuiltinModule('node:http');
const https = process.getBuiltinModule('node:https');
const dns = process.getBuiltinModule('node:dns/promises');

/** The addresses of a name, as the machine resolves it. */
export async function addressesOf(name: string): Promise<IpAddress[]> {
  const found = await dns.lookup(name, { all: true, order: 'verbatim' });
  return found.map(({ address }) => parseIp(address)).filter((ip) => ip !== undefined);
}

/** `forbidden`: it leads where nothing is fetched from. `unreachable`: no good answer in time. */
export type Fetched =
  | { readonly kind: 'fetched'; readonly text: string }
  | { readonly kind: 'forbidden' | 'unreachable'; readonly reason: string };

export interface GuardedFetchOptions {
  readonly clock: Clock;
  /** The addresses of a name. */
  readonly lookUp: (name: string) => Promise<readonly IpAddress[]>;
  /** Why nothing is fetched from an address; undefined: it may be. */
  readonly forbidden: (ip: IpAddress) => string | undefined;
  /** Octets of an answer. */
  readonly limit: number;
  /** Authorities in place of the runtime's, PEM. */
  readonly authorities?: string;
}

/** Fetches a small text from a place that an object names, and from nowhere else. Never throws. */
export type GuardedFetch = (uri: string, timeoutMs: number) => Promise<Fetched>;

type Step = Fetched | { readonly kind: 'moved'; readonly location: string };

/**
 * The address is looked up once, judged, and then connected to, so that no second answer of a resolver counts. Redirects are
 * followed within the origin alone. No proxy, no credentials, no connection that somebody else has opened.
 */
export function guardedFetch(options: GuardedFetchOptions): GuardedFetch {
  return async (uri, timeoutMs) => {
    const deadline = options.clock.now() + timeoutMs;
    let url = URL.parse(uri);
    for (let redirects = 0; url !== null; redirects += 1) {
      const step = await fetchOnce(url, Math.max(deadline - options.clock.now(), 1), options);
      if (step.kind !== 'moved') return step;
      const next = URL.parse(step.location, url);
      if (next === null || next.origin !== url.origin) {
        return { kind: 'forbidden', reason: 'it redirects to another origin' };
      }
      if (redirects >= JWKS_REDIRECTS) return { kind: 'unreachable', reason: 'it redirects too often' };
      url = next;
    }
    return { kind: 'forbidden', reason: 'it is no URI' };
  };
}

async function fetchOnce(url: URL, timeoutMs: number, options: GuardedFetchOptions): Promise<Step> {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return { kind: 'forbidden', reason: `${url.protocol} is neither http nor https` };
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  let address: IpAddress | undefined;
  try {
    const literal = parseIp(host);
    const addresses = literal === undefined ? await inTime(options.lookUp(host), timeoutMs, options.clock) : [literal];
    for (const ip of addresses) {
      const reason = options.forbidden(ip);
      // A name that leads to several places, one of which it must not lead to, means that one.
      if (reason !== undefined) return { kind: 'forbidden', reason: `${ip} ${reason}` };
    }
    [address] = addresses;
  } catch (error) {
    return { kind: 'unreachable', reason: messageOf(error) };
  }
  if (address === undefined) return { kind: 'unreachable', reason: 'its name has no address' };
  return get(url, address, timeoutMs, options);
}

function get(
  url: URL,
  address: IpAddress,
  timeoutMs: number,
  { clock, limit, authorities }: GuardedFetchOptions,
): Promise<Step> {
  return new Promise((resolve) => {
    const exchange = (url.protocol === 'https:' ? https : http).request(url, {
      agent: false,
      headers: { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'ambit-waypoint' },
      family: isIpv6(address) ? 6 : 4,
      lookup: (_name, { all }, done) => {
        const family = isIpv6(address) ? 6 : 4;
        if (all === true) done(null, [{ address, family }]);
        else done(null, address, family);
      },
      ...(authorities === undefined ? {} : { ca: authorities }),
    });
    const end = (step: Step): void => {
      timer.cancel();
      exchange.destroy();
      resolve(step);
    };
    const fail = (reason: string): void => {
      end({ kind: 'unreachable', reason });
    };
    const timer = clock.setTimeout(() => {
      fail('no answer in time');
    }, timeoutMs);
    exchange.on('error', (error) => {
      fail(messageOf(error));
    });
    exchange.on('response', (response) => {
      const { statusCode = 0, headers } = response;
      if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined) {
        end({ kind: 'moved', location: headers.location });
        return;
      }
      if (statusCode !== 200) {
        fail(`it answers with status ${statusCode}`);
        return;
      }
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        chunks.push(chunk);
        if (length > limit) fail(`its answer is larger than ${limit} bytes`);
      });
      response.on('end', () => {
        end({ kind: 'fetched', text: Buffer.concat(chunks).toString('utf8') });
      });
      response.on('error', (error) => {
        fail(messageOf(error));
      });
    });
    exchange.end();
  });
}

function inTime<T>(promise: Promise<T>, milliseconds: number, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => {
      reject(new Error('its name was not resolved in time'));
    }, milliseconds);
    promise.then(resolve, reject).finally(() => {
      timer.cancel();
    });
  });
}
