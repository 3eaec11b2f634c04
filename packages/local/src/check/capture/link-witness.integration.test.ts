import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { LinkWitness } from './link-witness.ts';

const CLIENT = '10.0.0.1';
const SERVER = '10.0.0.2';
const OUTSIDER = '10.0.0.3';
const MARKER = 'seen-in-clear';

interface Segment {
  from: string;
  to: string;
  fromPort: number;
  toPort: number;
  sequence: number;
  syn?: boolean;
  payload?: Buffer;
}

/** An Ethernet frame with an IPv4 packet with a TCP segment. */
function frame({ from, to, fromPort, toPort, sequence, syn = false, payload = Buffer.alloc(0) }: Segment): Buffer {
  const bytes = Buffer.alloc(14 + 20 + 20);
  bytes.writeUInt16BE(0x0800, 12);
  bytes.writeUInt8(0x45, 14);
  bytes.writeUInt16BE(40 + payload.length, 16);
  bytes.writeUInt8(6, 23);
  bytes.set(from.split('.').map(Number), 26);
  bytes.set(to.split('.').map(Number), 30);
  bytes.writeUInt16BE(fromPort, 34);
  bytes.writeUInt16BE(toPort, 36);
  bytes.writeUInt32BE(sequence, 38);
  bytes.writeUInt8(0x50, 46);
  bytes.writeUInt8(syn ? 0x02 : 0x10, 47);
  return Buffer.concat([bytes, payload]);
}

/** Both directions of a connection as frames, cut into small segments. */
function framesOf(client: Buffer, server: Buffer, serverPort = 15008): Buffer[] {
  const there = { from: CLIENT, to: SERVER, fromPort: 40_000, toPort: serverPort };
  const back = { from: SERVER, to: CLIENT, fromPort: serverPort, toPort: 40_000 };
  const frames = [frame({ ...there, sequence: 0xffffff00, syn: true }), frame({ ...back, sequence: 7, syn: true })];
  for (const [direction, bytes, first] of [[there, client, 0xffffff01] as const, [back, server, 8] as const]) {
    for (let at = 0; at < bytes.length; at += 100) {
      frames.push(frame({ ...direction, sequence: (first + at) >>> 0, payload: bytes.subarray(at, at + 100) }));
    }
  }
  return frames;
}

/** What a TLS client and server write, recorded between them, when the client says the marker. */
async function tlsConversation(version: 'TLSv1.2' | 'TLSv1.3'): Promise<{ client: Buffer; server: Buffer }> {
  const shared = { minVersion: version, maxVersion: version, ciphers: 'PSK:TLS_AES_128_GCM_SHA256' } as const;
  const psk = Buffer.alloc(16, 1);
  const server = createTlsServer({ ...shared, pskCallback: () => psk }, (socket) => socket.resume().end('fine'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const relay = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const client = connectTls({
    ...shared,
    host: '127.0.0.1',
    port: (relay.address() as AddressInfo).port,
    pskCallback: () => ({ psk, identity: 'x' }),
    checkServerIdentity: () => undefined,
  });
  client.resume().end(`${MARKER} `.repeat(50));
  const [near] = (await once(relay, 'connection')) as [Socket];
  const far = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  const written = { client: [] as Buffer[], server: [] as Buffer[] };
  near.on('data', (bytes: Buffer) => written.client.push(bytes)).pipe(far);
  far.on('data', (bytes: Buffer) => written.server.push(bytes)).pipe(near);
  await Promise.all([once(client, 'close'), once(far, 'close')]);
  server.close();
  relay.close();
  return { client: Buffer.concat(written.client), server: Buffer.concat(written.server) };
}

function witness(frames: readonly Buffer[]): LinkWitness {
  const link = new LinkWitness([CLIENT, SERVER], MARKER);
  for (const one of frames) link.frame(one);
  return link;
}

describe('LinkWitness', () => {
  it('accepts TLS 1.3 on 15008, in any order of packets', async () => {
    const { client, server } = await tlsConversation('TLSv1.3');
    const frames = framesOf(client, server);
    expect(witness(frames).report()).toMatchObject({ tunnels: 1, problems: [] });
    const [synThere, synBack, ...rest] = frames;
    if (synThere === undefined || synBack === undefined) throw new Error('no SYN');
    const shuffled = [synThere, synBack, ...rest.toReversed(), ...rest];
    expect(witness(shuffled).report()).toMatchObject({ tunnels: 1, problems: [] });
  });

  it('notices TLS 1.2', async () => {
    const { client, server } = await tlsConversation('TLSv1.2');
    expect(witness(framesOf(client, server)).report().problems.join()).toMatch(/without TLS 1\.3|older than TLS 1\.3/);
  });

  it('notices plain text on 15008, and the marker even across packets', () => {
    const plain = Buffer.concat([Buffer.alloc(95, 'x'), Buffer.from(MARKER)]);
    const { problems } = witness(framesOf(plain, Buffer.alloc(0))).report();
    expect(problems.join()).toContain('not a TLS record');
    expect(problems.join()).toContain('the marker in clear, across packets');
  });

  it('notices every other port between meshed pods, and nothing that an outsider does', () => {
    const { problems } = witness(framesOf(Buffer.from('GET /'), Buffer.alloc(0), 8080)).report();
    expect(problems.join()).toContain('neither end is port 15008');
    const outsider = { from: OUTSIDER, to: SERVER, fromPort: 1, toPort: 8080, sequence: 1 };
    const report = witness([frame({ ...outsider, payload: Buffer.from(MARKER) })]).report();
    expect(report).toMatchObject({ problems: [], meshedPackets: 0, markersOutside: 1 });
  });
});
