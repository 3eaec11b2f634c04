import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LookUp, lookUpBy } from './name-lookup.ts';

const TYPE_A = 1;
const TYPE_AAAA = 28;
const SERVFAIL = 2;
const NXDOMAIN = 3;

/** What a name has, by type: records of addresses as bytes, or a code. */
type Zone = Readonly<Record<string, { readonly [type: number]: number | readonly (readonly number[])[] }>>;

/** A resolver on the loopback that knows a few names. */
class TestResolver {
  readonly #socket: Socket = createSocket('udp4');
  readonly #zone: Zone;

  constructor(zone: Zone) {
    this.#zone = zone;
    this.#socket.on('message', (query, { port, address }) => {
      const answer = this.#answer(query);
      if (answer !== undefined) this.#socket.send(answer, port, address);
    });
  }

  async open(): Promise<LookUp> {
    this.#socket.bind(0, '127.0.0.1');
    await once(this.#socket, 'listening');
    return lookUpBy(`127.0.0.1:${this.#socket.address().port}`);
  }

  close(): void {
    this.#socket.close();
  }

  /** RFC 1035, section 4: the header, the question as it came, and records that point to its name. */
  #answer(query: Buffer): Buffer | undefined {
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const type = query.readUInt16BE(at + 1);
    const question = query.subarray(12, at + 5);
    const known = this.#zone[labels.join('.')];
    if (known === undefined) return undefined;
    const found = known[type] ?? [];
    const records = typeof found === 'number' ? [] : found;
    const header = Buffer.from(query.subarray(0, 12));
    header.writeUInt16BE(0x8180 | (typeof found === 'number' ? found : 0), 2);
    header.writeUInt16BE(records.length, 6);
    header.writeUInt32BE(0, 8);
    return Buffer.concat([
      header,
      question,
      ...records.flatMap((address) => [
        Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 42, 0, address.length]),
        Buffer.from(address),
      ]),
    ]);
  }
}

const ZONE: Zone = {
  'both.example.com': {
    [TYPE_A]: [
      [192, 0, 2, 1],
      [192, 0, 2, 2],
    ],
    [TYPE_AAAA]: [[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
  },
  'four.example.com': { [TYPE_A]: [[192, 0, 2, 1]], [TYPE_AAAA]: SERVFAIL },
  'none.example.com': {},
  'gone.example.com': { [TYPE_A]: NXDOMAIN, [TYPE_AAAA]: NXDOMAIN },
  'broken.example.com': { [TYPE_A]: SERVFAIL, [TYPE_AAAA]: SERVFAIL },
  'half.example.com': { [TYPE_A]: [], [TYPE_AAAA]: SERVFAIL },
};

describe('a name that a resolver is asked for', () => {
  let resolver: TestResolver;
  let lookUp: LookUp;

  beforeEach(async () => {
    resolver = new TestResolver(ZONE);
    lookUp = await resolver.open();
  });
  afterEach(() => {
    resolver.close();
  });

  it.each([
    ['both.example.com', { kind: 'found', addresses: ['192.0.2.1', '192.0.2.2', '2001:db8::1'], ttl: 42 }],
    ['four.example.com', { kind: 'found', addresses: ['192.0.2.1'], ttl: 42 }],
    ['none.example.com', { kind: 'gone', reason: 'ENODATA' }],
    ['gone.example.com', { kind: 'gone', reason: 'ENOTFOUND' }],
    ['broken.example.com', { kind: 'failed', reason: 'ESERVFAIL' }],
    ['half.example.com', { kind: 'failed', reason: 'ESERVFAIL' }],
  ])('%s', async (name, expected) => {
    expect(await lookUp(name)).toEqual(expected);
  });

  it('and that never answers', async () => {
    expect(await lookUp('silent.example.com')).toEqual({ kind: 'failed', reason: 'ETIMEOUT' });
  }, 20_000);

  it('and that is not there', async () => {
    resolver.close();
    const nobody = lookUpBy('127.0.0.1:1');
    expect(await nobody('both.example.com')).toEqual({ kind: 'failed', reason: 'ECONNREFUSED' });
    resolver = new TestResolver(ZONE);
    await resolver.open();
  }, 20_000);
});
