import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { SocketAddress } from '@ambit/core/address';
import { inNamespace } from '@ambit/native/namespace';
import { bind, listen, openTcpSocket, openUdpSocket } from '@ambit/native/socket';
import { AF_INET } from '@ambit/native/socket-address';
import { setReuseAddress } from '@ambit/native/socket-option';
import type { ClusterZone } from './cluster-zone.ts';
import { NOT_IMPLEMENTED, readQuestion, writeAnswer } from './dns-message.ts';

/** Seconds that clients may keep an answer, as CoreDNS has it. */
const TTL_SECONDS = 30;
/** What a datagram may carry without EDNS (RFC 1035 4.2.1). */
const DATAGRAM_BYTES = 512;
const STREAM_BYTES = 65_535;
const BACKLOG = 64;

/** Cluster DNS: for pods outside the mesh, and what the proxies ask when they do not know a name themselves. */
export class ClusterDns {
  readonly #zone: ClusterZone;
  readonly #datagrams: DatagramSocket;
  readonly #streams: Server;
  readonly #open = new Set<Socket>();
  /** Questions answered since the start. */
  answered = 0;

  /** Listens inside a network namespace; resolves when it does. */
  static async listen(zone: ClusterZone, namespace: number, address: SocketAddress): Promise<ClusterDns> {
    const [udp, tcp] = inNamespace(namespace, () => [openUdpSocket(AF_INET), openTcpSocket(AF_INET)] as const);
    bind(udp, address);
    setReuseAddress(tcp);
    bind(tcp, address);
    listen(tcp, BACKLOG);
    const dns = new ClusterDns(zone);
    const listening = Promise.all([once(dns.#datagrams, 'listening'), once(dns.#streams, 'listening')]);
    dns.#datagrams.bind({ fd: udp });
    dns.#streams.listen({ fd: tcp });
    await listening;
    return dns;
  }

  private constructor(zone: ClusterZone) {
    this.#zone = zone;
    this.#datagrams = createSocket('udp4');
    // Sending fails when a pod is gone before its answer.
    this.#datagrams.on('error', () => undefined);
    this.#datagrams.on('message', (query, from) => {
      const answer = this.#answer(query, DATAGRAM_BYTES);
      if (answer !== undefined) this.#datagrams.send(answer, from.port, from.address, () => undefined);
    });
    this.#streams = createServer((socket) => this.#converse(socket));
    this.#streams.on('error', () => undefined);
  }

  close(): void {
    this.#datagrams.close();
    this.#streams.close();
    for (const socket of this.#open) socket.destroy();
  }

  #converse(socket: Socket): void {
    this.#open.add(socket);
    let waiting = Buffer.alloc(0);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#open.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      waiting = Buffer.concat([waiting, chunk]);
      while (waiting.length >= 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
        const end = 2 + waiting.readUInt16BE(0);
        const answer = this.#answer(waiting.subarray(2, end), STREAM_BYTES);
        waiting = waiting.subarray(end);
        if (answer === undefined) continue;
        const length = Buffer.alloc(2);
        length.writeUInt16BE(answer.length);
        socket.write(Buffer.concat([length, answer]));
      }
    });
  }

  #answer(query: Buffer, limit: number): Buffer | undefined {
    const question = readQuestion(query);
    if (question === undefined) return undefined;
    this.answered += 1;
    if (question.opcode !== 0) return writeAnswer(question, NOT_IMPLEMENTED, [], TTL_SECONDS, limit);
    const { code, answers } = this.#zone.answer(question.name, question.type);
    return writeAnswer(question, code, answers, TTL_SECONDS, limit);
  }
}
