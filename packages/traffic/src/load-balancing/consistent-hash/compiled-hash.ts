import type { IpAddress } from '@ambit/core/address';
import { cookieValue, setCookieField } from '../../cookies/cookies.ts';
import type { ConsistentHash, HashCookie, HashKey, HashTableSize } from '../../model/served-service.ts';
import type { RequestFacts } from '../../request/request-facts.ts';
import { type Hash64, hexOf } from './hash64.ts';
import { xxHash64 } from './xxhash64.ts';

/** Where a request belongs. */
export interface HashedRequest {
  /** Undefined: it has no key, and belongs nowhere. */
  readonly hash: Hash64 | undefined;
  /** The `set-cookie` that its client is to be given, so that it has a key the next time. */
  readonly setCookie: string | undefined;
}

const NOWHERE: HashedRequest = { hash: undefined, setCookie: undefined };

/** How requests to a cluster are told apart. */
export class CompiledHash {
  readonly table: HashTableSize;
  readonly #key: HashKey;

  constructor({ key, table }: ConsistentHash) {
    this.#key = key;
    this.table = table;
  }

  /** `random`: from 0 to below 1. */
  ofRequest(facts: RequestFacts, client: IpAddress, random: () => number): HashedRequest {
    const key = this.#key;
    switch (key.kind) {
      case 'header':
        return hashed(facts.header(key.name));
      case 'query-parameter':
        return hashed(facts.queryParameter(key.name));
      case 'source-ip':
        return hashed(client);
      case 'cookie':
        return ofCookie(key.cookie, facts, random);
    }
  }

  /** Of a connection whose bytes are not looked at. */
  ofConnection(client: IpAddress): Hash64 | undefined {
    return this.#key.kind === 'source-ip' ? xxHash64(client) : undefined;
  }
}

function hashed(key: string | undefined): HashedRequest {
  return key === undefined ? NOWHERE : { hash: xxHash64(key), setCookie: undefined };
}

function ofCookie(cookie: HashCookie, facts: RequestFacts, random: () => number): HashedRequest {
  const sent = cookieValue(facts.header('cookie'), cookie.name);
  if (sent !== undefined && sent !== '') return hashed(sent);
  if (cookie.ttlS === null) return NOWHERE;
  const value = hexOf(randomHash(random));
  const setCookie = setCookieField({ ...cookie, value, maxAgeS: cookie.ttlS });
  return { hash: xxHash64(value), setCookie };
}

/** `random`: from 0 to below 1. */
export function randomHash(random: () => number): Hash64 {
  return { high: Math.floor(random() * 4_294_967_296), low: Math.floor(random() * 4_294_967_296) };
}
