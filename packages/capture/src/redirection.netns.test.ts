import type { RemoteInfo, Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { formatSocketAddress } from '@ambit/core/address';
import { inNamespace } from '@ambit/native/namespace';
import { originalDestination } from '@ambit/native/socket-option';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applyInPod, podHasIpv6, releaseInPod, removeFromPod, verifyInPod } from './apply.ts';
import { PROBE_ADDRESS_V4, PROXY_MARK } from './host-contract.ts';
import type { PodRedirection } from './pod-rules.ts';
import { Pair, PEER, PEER_V6, POD, POD_V6 } from './test-pair.ts';
import { runTool } from './tools.ts';

const REDIRECTION: PodRedirection = { dns: true, ipv6: true, bypassInbound: false, virtualInterfaces: [] };

/** Node does not publish the descriptor of a socket; the test reads it where it lies. */
function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { _handle: { fd: number } };
  return handle.fd;
}

/** A proxy that names itself and the destination that the client wanted. */
function announce(name: string): (socket: Socket) => void {
  return (socket) => {
    const wanted = formatSocketAddress(originalDestination(descriptorOf(socket)));
    socket.on('data', (chunk) => socket.write(`${name}[${wanted}]:${chunk.toString()}`));
  };
}

async function query(socket: DatagramSocket, text: string): Promise<{ text: string; from: string }> {
  const answer = once(socket, 'message', { signal: AbortSignal.timeout(2_000) });
  socket.send(text, 53, PEER);
  const [message, from] = (await answer) as [Buffer, RemoteInfo];
  return { text: message.toString(), from: `${from.address}:${from.port}` };
}

describe('redirection in a pod', () => {
  let pair: Pair;
  let pod: { namespace: number; name: string };

  beforeEach(async () => {
    pair = new Pair();
    pod = { namespace: pair.pod, name: 'shop/web' };
    await pair.listen(pair.pod, { ip: '::', port: 80 }, 'app');
    await pair.listen(pair.peer, { ip: '::', port: 80 }, 'peer');
    await pair.listen(pair.pod, { ip: '::', port: 15001 }, 'outbound', announce('outbound'));
    await pair.listen(pair.pod, { ip: '::', port: 15006 }, 'inbound', announce('inbound'));
    await pair.listen(pair.pod, { ip: '::', port: 15008 }, 'hbone');
  });
  afterEach(() => pair.close());

  it.each([
    ['IPv4', POD, PEER],
    ['IPv6', POD_V6, PEER_V6],
  ])('takes new connections to the proxy, which learns where they were going (%s)', async (_name, podIp, peerIp) => {
    applyInPod(pod, REDIRECTION);
    const bracket = (ip: string): string => formatSocketAddress({ ip, port: 80 });
    const outbound = pair.connect(pair.pod, { ip: peerIp, port: 80 });
    expect(await outbound.ask('a')).toBe(`outbound[${bracket(peerIp)}]:a`);
    const inbound = pair.connect(pair.peer, { ip: podIp, port: 80 });
    expect(await inbound.ask('b')).toBe(`inbound[${bracket(podIp)}]:b`);
    const tunnel = pair.connect(pair.peer, { ip: podIp, port: 15008 });
    expect(await tunnel.ask('c')).toBe('hbone:c');
    const ownAddress = pair.connect(pair.pod, { ip: podIp, port: 80 });
    expect(await ownAddress.ask('d')).toBe('app:d');
  });

  it('lets what was open before the rules live, through enrolment, release and removal', async () => {
    const outbound = pair.connect(pair.pod, { ip: PEER, port: 80 });
    const inbound = pair.connect(pair.peer, { ip: POD, port: 80 });
    const overIpv6 = pair.connect(pair.peer, { ip: POD_V6, port: 80 });
    const allSpeak = async (): Promise<void> => {
      expect(await outbound.ask('x')).toBe('peer:x');
      expect(await inbound.ask('y')).toBe('app:y');
      expect(await overIpv6.ask('z')).toBe('app:z');
    };
    await allSpeak();
    applyInPod(pod, REDIRECTION);
    await allSpeak();
    releaseInPod(pod, REDIRECTION);
    await allSpeak();
    removeFromPod(pod, REDIRECTION);
    await allSpeak();
  });

  it('released: redirected connections go on through the proxy, new ones do not reach it', async () => {
    applyInPod(pod, REDIRECTION);
    const outbound = pair.connect(pair.pod, { ip: PEER, port: 80 });
    const inbound = pair.connect(pair.peer, { ip: POD, port: 80 });
    expect(await outbound.ask('a')).toBe(`outbound[${PEER}:80]:a`);
    expect(await inbound.ask('a')).toBe(`inbound[${POD}:80]:a`);
    releaseInPod(pod, REDIRECTION);
    expect(await outbound.ask('b')).toBe(`outbound[${PEER}:80]:b`);
    expect(await inbound.ask('b')).toBe(`inbound[${POD}:80]:b`);
    expect(await pair.connect(pair.pod, { ip: PEER, port: 80 }).ask('c')).toBe('peer:c');
    expect(await pair.connect(pair.peer, { ip: POD, port: 80 }).ask('c')).toBe('app:c');
    applyInPod(pod, REDIRECTION);
    expect(await outbound.ask('d')).toBe(`outbound[${PEER}:80]:d`);
    expect(await pair.connect(pair.pod, { ip: PEER, port: 80 }).ask('e')).toBe(`outbound[${PEER}:80]:e`);
  });

  it('removed: redirected connections break at once, new ones are direct', async () => {
    applyInPod(pod, REDIRECTION);
    const outbound = pair.connect(pair.pod, { ip: PEER, port: 80 });
    expect(await outbound.ask('a')).toBe(`outbound[${PEER}:80]:a`);
    removeFromPod(pod, REDIRECTION);
    await expect(outbound.ask('b')).rejects.toThrow(/ECONNRESET/);
    expect(await pair.connect(pair.pod, { ip: PEER, port: 80 }).ask('c')).toBe('peer:c');
  });

  it('lets the proxy dial out and dial the application in the name of a client elsewhere', async () => {
    applyInPod(pod, REDIRECTION);
    const out = pair.connect(pair.pod, { ip: PEER, port: 80 }, { mark: PROXY_MARK });
    expect(await out.ask('a')).toBe('peer:a');
    const spoofed = pair.connect(pair.pod, { ip: POD, port: 80 }, { mark: PROXY_MARK, from: { ip: PEER, port: 0 } });
    expect(await spoofed.ask('b')).toBe('app:b');
    releaseInPod(pod, REDIRECTION);
    expect(await spoofed.ask('c')).toBe('app:c');
  });

  it("lets kubelet's probes through, and everything inbound in ingress mode", async () => {
    applyInPod(pod, REDIRECTION);
    const probe = pair.connect(pair.peer, { ip: POD, port: 80 }, { from: { ip: PROBE_ADDRESS_V4, port: 0 } });
    expect(await probe.ask('p')).toBe('app:p');
    applyInPod(pod, { ...REDIRECTION, bypassInbound: true });
    expect(await pair.connect(pair.peer, { ip: POD, port: 80 }).ask('a')).toBe('app:a');
    expect(await pair.connect(pair.pod, { ip: PEER, port: 80 }).ask('b')).toBe(`outbound[${PEER}:80]:b`);
  });

  it('takes what comes from a guest interface for outbound traffic', async () => {
    applyInPod(pod, { ...REDIRECTION, virtualInterfaces: ['eth0'] });
    expect(await pair.connect(pair.peer, { ip: POD, port: 80 }).ask('a')).toBe(`outbound[${POD}:80]:a`);
  });

  it('takes DNS over TCP to the DNS port, but not what the proxy asks itself', async () => {
    await pair.listen(pair.peer, { ip: '::', port: 53 }, 'upstream');
    await pair.listen(pair.pod, { ip: '127.0.0.1', port: 15053 }, 'dns');
    applyInPod(pod, REDIRECTION);
    expect(await pair.connect(pair.pod, { ip: PEER, port: 53 }).ask('q')).toBe('dns:q');
    expect(await pair.connect(pair.pod, { ip: PEER, port: 53 }, { mark: PROXY_MARK }).ask('q')).toBe('upstream:q');
    applyInPod(pod, { ...REDIRECTION, dns: false });
    expect(await pair.connect(pair.pod, { ip: PEER, port: 53 }).ask('q')).toBe(`outbound[${PEER}:53]:q`);
  });

  it('answers DNS over UDP from the address that was asked, beside queries of the proxy', async () => {
    const upstream = pair.datagrams(pair.peer, { ip: PEER, port: 53 });
    const proxy = pair.datagrams(pair.pod, { ip: '127.0.0.1', port: 15053 });
    upstream.on('message', (message, from) => upstream.send(`upstream:${message.toString()}`, from.port, from.address));
    proxy.on('message', (message, from) => proxy.send(`proxy:${message.toString()}`, from.port, from.address));
    applyInPod(pod, REDIRECTION);
    const application = pair.datagrams(pair.pod, { ip: '0.0.0.0', port: 40_000 });
    const forwarder = pair.datagrams(pair.pod, { ip: '0.0.0.0', port: 40_001 }, PROXY_MARK);
    for (let round = 0; round < 2; round++) {
      expect(await query(application, 'a')).toEqual({ text: 'proxy:a', from: `${PEER}:53` });
      expect(await query(forwarder, 'f')).toEqual({ text: 'upstream:f', from: `${PEER}:53` });
    }
  });

  it('applies, releases and removes any number of times, and leaves nothing', () => {
    removeFromPod(pod, REDIRECTION);
    applyInPod(pod, REDIRECTION);
    applyInPod(pod, REDIRECTION);
    expect(verifyInPod(pod, REDIRECTION)).toEqual([]);
    expect(inNamespace(pair.pod, () => readFileSync('/proc/sys/net/ipv4/tcp_migrate_req', 'latin1').trim())).toBe('1');
    expect(podHasIpv6(pod)).toBe(true);
    releaseInPod(pod, REDIRECTION);
    releaseInPod(pod, REDIRECTION);
    expect(verifyInPod(pod, REDIRECTION)).toContain(
      'chain istio-output of table inet istio-ambient-nat lacks the rule "outbound ip"',
    );
    removeFromPod(pod, REDIRECTION);
    removeFromPod(pod, REDIRECTION);
    const left = inNamespace(pair.pod, () =>
      [
        runTool('nft', ['list', 'ruleset'], { purpose: 'look' }),
        runTool('ip', ['rule', 'show', 'pref', '32764'], { purpose: 'look' }),
        runTool('ip', ['-6', 'rule', 'show', 'pref', '32764'], { purpose: 'look' }),
      ].join(''),
    );
    expect(left).toBe('');
  });

  it('finds rules that another tool removed', () => {
    applyInPod(pod, REDIRECTION);
    inNamespace(pair.pod, () =>
      runTool('nft', ['flush', 'chain', 'inet', 'istio-ambient-mangle', 'output'], { purpose: 'spoil' }),
    );
    expect(verifyInPod(pod, REDIRECTION)).toEqual([
      'chain output of table inet istio-ambient-mangle lacks the rule "send the replies of the application back to the proxy"',
    ]);
  });

  it('half-open and closing connections of before the rules are left alone too', async () => {
    const early = pair.connect(pair.pod, { ip: PEER, port: 80 });
    expect(await early.ask('a')).toBe('peer:a');
    applyInPod(pod, REDIRECTION);
    const ended = once(early.socket, 'close');
    early.socket.end();
    await ended;
    expect(early.socket.errored).toBeNull();
  });
});
