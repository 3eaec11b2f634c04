import { parseIp, parseSocketAddress, type SocketAddress } from '@ambit/core/address';
import { inNamespace } from '@ambit/native/namespace';
import { connect, openUdpSocket, socketError } from '@ambit/native/socket';
import { familyOf } from '@ambit/native/socket-address';
import { setMark } from '@ambit/native/socket-option';
import type { DescriptorAccount } from '@ambit/reactor/descriptor-budget';
import { connectTcp, type PendingConnect } from '@ambit/reactor/tcp-connect';
import type { ReactorTimer } from '@ambit/reactor/timer-wheel';
import { UdpEndpoint } from '@ambit/reactor/udp-endpoint';
import { DNS_UPSTREAM_QUERIES, DNS_UPSTREAM_TIMEOUT } from '../limits.ts';
import type { DataThreadContext } from './context.ts';
import { DnsStream } from './dns-stream.ts';

interface Query {
  timer: ReactorTimer | undefined;
  abort: () => void;
}

/**
 * Passes queries on, byte for byte, and answers back likewise. Each query has a socket of its own: its random port,
 * connected to the resolver, is what keeps foreign answers out.
 */
export class DnsForwarder {
  readonly #thread: DataThreadContext;
  readonly #namespace: number;
  readonly #account: DescriptorAccount;
  readonly #open = new Set<Query>();
  #onIdle: (() => void) | undefined;

  constructor(thread: DataThreadContext, namespace: number, account: DescriptorAccount) {
    this.#thread = thread;
    this.#account = account;
    this.#namespace = namespace;
  }

  /** Calls `onAnswer` once: with the answer, or with `undefined` when there is none in time. */
  forward(query: Buffer, transport: 'tcp' | 'udp', onAnswer: (answer: Buffer | undefined) => void): void {
    const upstream = this.#thread.dnsUpstream;
    if (upstream === undefined || this.#open.size >= DNS_UPSTREAM_QUERIES) {
      onAnswer(undefined);
      return;
    }
    let settled = false;
    const entry: Query = { timer: undefined, abort: () => undefined };
    const settle = (answer: Buffer | undefined): void => {
      if (settled) return;
      settled = true;
      entry.timer?.cancel();
      entry.abort();
      this.#open.delete(entry);
      onAnswer(answer);
      if (this.#open.size === 0) this.#onIdle?.();
    };
    this.#open.add(entry);
    entry.timer = this.#thread.reactor.after(DNS_UPSTREAM_TIMEOUT, () => {
      settle(undefined);
    });
    try {
      entry.abort =
        transport === 'udp' ? this.#overUdp(query, upstream, settle) : this.#overTcp(query, upstream, settle);
    } catch {
      settle(undefined);
    }
  }

  /** Calls `run` once nothing is under way: at once, or with the last answer. */
  whenIdle(run: () => void): void {
    if (this.#open.size === 0) run();
    else this.#onIdle = run;
  }

  /** Gives up what is under way; its askers get no answer. */
  close(): void {
    for (const query of this.#open) {
      query.timer?.cancel();
      query.abort();
    }
    this.#open.clear();
    this.#onIdle = undefined;
  }

  #overUdp(query: Buffer, upstream: SocketAddress, settle: (answer: Buffer | undefined) => void): () => void {
    const { reactor, config } = this.#thread;
    if (!this.#account.mayDial) throw this.#account.refusal();
    const fd = inNamespace(this.#namespace, () => {
      const socket = openUdpSocket(familyOf(upstream.ip));
      reactor.adopt(socket, this.#account);
      try {
        setMark(socket, config.packetMark);
        const result = connect(socket, upstream);
        if (result < 0) throw socketError('connect', result, upstream.ip);
      } catch (error) {
        reactor.close(socket);
        throw error;
      }
      return socket;
    });
    const endpoint = new UdpEndpoint(reactor, fd, {
      onDatagram: (bytes, start, end) => {
        const answer = Buffer.from(bytes.subarray(start, end));
        if (answer.length >= 2 && answer[0] === query[0] && answer[1] === query[1]) settle(answer);
      },
      onDatagramError: () => {
        settle(undefined);
      },
    });
    try {
      endpoint.send(query, upstream);
    } catch (error) {
      endpoint.destroy();
      throw error;
    }
    return () => {
      endpoint.destroy();
    };
  }

  #overTcp(query: Buffer, upstream: SocketAddress, settle: (answer: Buffer | undefined) => void): () => void {
    const { reactor, config } = this.#thread;
    let stream: DnsStream | undefined;
    const pending: PendingConnect = connectTcp(
      reactor,
      {
        ...{ destination: upstream, namespace: this.#namespace, mark: config.packetMark },
        ...{ timeoutMs: DNS_UPSTREAM_TIMEOUT, account: this.#account },
      },
      {
        onConnected: (fd) => {
          stream = new DnsStream(reactor, fd, {
            onQuery: (answer) => {
              settle(Buffer.from(answer));
            },
            onClose: () => {
              settle(undefined);
            },
          });
          stream.send(query);
        },
        onConnectFailed: () => {
          settle(undefined);
        },
      },
    );
    return () => {
      pending.cancel();
      stream?.destroy();
    };
  }
}

/** The resolver to forward to: the one that is configured, else the first of `resolvConf`; undefined when there is none. */
export function upstreamResolver(configured: string, resolvConf: string): SocketAddress | undefined {
  const candidates =
    configured.length > 0
      ? [configured]
      : [...resolvConf.matchAll(/^nameserver[ \t]+(\S+)/gm)].map((match) => match[1] ?? '');
  for (const candidate of candidates) {
    const withPort = parseSocketAddress(candidate);
    if (withPort !== undefined) return withPort;
    const ip = parseIp(candidate);
    if (ip !== undefined) return { ip, port: 53 };
  }
  return undefined;
}
