import type { SocketAddress } from '@ambit/core/address';
import { answerDns, type DnsAnswer } from '@ambit/mesh/dns/answer';
import { duplicate } from '@ambit/native/descriptor';
import { Listener } from '@ambit/reactor/listener';
import { UdpEndpoint } from '@ambit/reactor/udp-endpoint';
import {
  parseQuery,
  RCODE_FORMERR,
  RCODE_NOERROR,
  RCODE_SERVFAIL,
  TYPE_A,
  TYPE_AAAA,
  UDP_PAYLOAD,
  writeAnswer,
  writeFailure,
} from '../dns/message.ts';
import { DnsForwarder } from './dns-forwarder.ts';
import { DnsStream } from './dns-stream.ts';
import type { ServedPod } from './served-pod.ts';

/** Answers the DNS queries of one pod: names of the mesh from the model, everything else as an upstream resolver does. */
export class DnsServer {
  readonly #pod: ServedPod;
  readonly #forwarder: DnsForwarder;
  readonly #sockets: UdpEndpoint[] = [];
  readonly #listeners: Listener[] = [];
  readonly #streams = new Set<DnsStream>();

  constructor(pod: ServedPod) {
    this.#pod = pod;
    const { reactor } = pod.thread;
    this.#forwarder = new DnsForwarder(pod.thread, pod.namespace, pod.account);
    for (const fd of pod.pod.listeners.dnsUdp) {
      // Each thread reads through a descriptor of its own, so that it may close it.
      const own = duplicate(fd);
      reactor.adopt(own);
      const socket: UdpEndpoint = new UdpEndpoint(reactor, own, {
        onDatagram: (bytes, start, end, source) => {
          this.#onDatagram(socket, Buffer.from(bytes.subarray(start, end)), source);
        },
      });
      this.#sockets.push(socket);
    }
    for (const fd of pod.pod.listeners.dnsTcp) {
      this.#listeners.push(
        new Listener(
          reactor,
          fd,
          {
            onAccept: (connection) => {
              const stream = new DnsStream(reactor, connection, {
                onQuery: (query, reply) => {
                  this.#answer(query, undefined, reply);
                },
                onClose: () => this.#streams.delete(stream),
              });
              this.#streams.add(stream);
            },
          },
          pod.account,
        ),
      );
    }
  }

  /** Takes nothing new; queries that came already are answered, as far as their upstream does. */
  close(): void {
    for (const listener of this.#listeners) listener.stop();
    for (const socket of this.#sockets) socket.onReady();
    this.#forwarder.whenIdle(() => {
      this.destroy();
    });
  }

  destroy(): void {
    for (const listener of this.#listeners) listener.stop();
    for (const socket of this.#sockets) socket.destroy();
    for (const stream of [...this.#streams]) stream.destroy();
    this.#forwarder.close();
  }

  #onDatagram(socket: UdpEndpoint, query: Buffer, source: SocketAddress): void {
    this.#answer(query, UDP_PAYLOAD, (answer) => {
      try {
        socket.send(answer, source);
      } catch {
        // The application is gone, or its socket is: nobody waits for the answer.
      }
    });
  }

  /** `limit` is set for UDP. `reply` is called at most once. */
  #answer(query: Buffer, limit: number | undefined, reply: (answer: Buffer) => void): void {
    const { thread } = this.#pod;
    const parsed = parseQuery(query);
    switch (parsed.kind) {
      case 'drop':
        return;
      case 'malformed':
        reply(writeFailure(query, RCODE_FORMERR));
        return;
      case 'forward':
        this.#forward(query, limit, reply);
        return;
      case 'question': {
        const { question } = parsed;
        const type = question.type === TYPE_A ? 'A' : question.type === TYPE_AAAA ? 'AAAA' : 'other';
        thread.metrics.dnsRequest(this.#pod, type, limit === undefined ? 'tcp' : 'udp');
        const found = answerDns(
          thread.store,
          this.#pod.client(),
          { name: question.name, type },
          { ipv6: thread.config.ipv6, random: thread.choice.random },
        );
        if (found.kind === 'forward') {
          this.#forward(query, limit, reply);
          return;
        }
        const size = limit === undefined ? undefined : Math.max(limit, question.ednsPayload ?? 0);
        reply(writeAnswer(query, question, toWire(found), size));
        return;
      }
    }
  }

  #forward(query: Buffer, limit: number | undefined, reply: (answer: Buffer) => void): void {
    this.#forwarder.forward(query, limit === undefined ? 'tcp' : 'udp', (answer) => {
      reply(answer ?? writeFailure(query, RCODE_SERVFAIL));
    });
  }
}

function toWire(found: Exclude<DnsAnswer, { kind: 'forward' }>): Parameters<typeof writeAnswer>[2] {
  if (found.kind !== 'answer')
    return { rcode: found.kind === 'empty' ? RCODE_NOERROR : RCODE_SERVFAIL, addresses: [], ttl: 0 };
  let canonicalName: string | undefined;
  let ttl = 0;
  const addresses: string[] = [];
  for (const record of found.records) {
    ttl = record.ttl;
    if (record.type === 'CNAME') canonicalName = record.target;
    else addresses.push(record.address);
  }
  return { rcode: RCODE_NOERROR, canonicalName, addresses, ttl };
}
