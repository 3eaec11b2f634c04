import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server, Socket } from 'node:net';
import type { SocketAddress } from '@ambit/core/address';
import { close } from '@ambit/native/descriptor';
import { EINPROGRESS } from '@ambit/native/errno';
import { createNetworkNamespace, inNamespace } from '@ambit/native/namespace';
import { bind, connect, listen, openTcpSocket, openUdpSocket } from '@ambit/native/socket';
import { AF_INET, AF_INET6 } from '@ambit/native/socket-address';
import { setMark, setReuseAddress, setTransparent } from '@ambit/native/socket-option';
import { runTool } from './tools.ts';

export const POD: string = '10.1.0.1';
export const POD_V6: string = 'fd00:1::1';
export const PEER: string = '10.1.0.2';
export const PEER_V6: string = 'fd00:1::2';

/** Two namespaces joined by a link: a pod, and what it talks to. The pod's default route leads to the peer. */
export class Pair {
  readonly pod: number = createNetworkNamespace();
  readonly peer: number = createNetworkNamespace();
  readonly #servers: Server[] = [];
  readonly #sockets: Socket[] = [];
  readonly #datagrams: DatagramSocket[] = [];

  constructor() {
    // Otherwise link-local addresses need seconds before a neighbour can be asked for.
    for (const namespace of [this.pod, this.peer]) {
      inNamespace(namespace, () => writeFileSync('/proc/sys/net/ipv6/conf/default/accept_dad', '0'));
    }
    const at = (fd: number): string => `/proc/${process.pid}/fd/${fd}`;
    this.#ip(undefined, [`link add eth0 netns ${at(this.pod)} type veth peer name eth0 netns ${at(this.peer)}`]);
    const common = ['link set lo up', 'link set eth0 up'];
    this.#ip(this.pod, [
      `addr add ${POD}/24 dev eth0`,
      `addr add ${POD_V6}/64 dev eth0 nodad`,
      ...common,
      `route add default via ${PEER}`,
      `route add ::/0 via ${PEER_V6}`,
    ]);
    this.#ip(this.peer, [
      `addr add ${PEER}/24 dev eth0`,
      'addr add 169.254.7.127/32 dev eth0',
      `addr add ${PEER_V6}/64 dev eth0 nodad`,
      ...common,
    ]);
  }

  /** Listens and hands every connection to `serve`; by default it answers each chunk with `name:` in front. */
  async listen(
    namespace: number,
    address: SocketAddress,
    name: string,
    serve?: (socket: Socket) => void,
  ): Promise<void> {
    const family = address.ip.includes(':') ? AF_INET6 : AF_INET;
    const fd = inNamespace(namespace, () => openTcpSocket(family));
    setReuseAddress(fd);
    bind(fd, address);
    listen(fd, 16);
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      this.#sockets.push(socket);
      if (serve === undefined) socket.on('data', (chunk) => socket.write(`${name}:${chunk.toString()}`));
      else serve(socket);
    });
    this.#servers.push(server);
    server.listen({ fd });
    await once(server, 'listening');
  }

  /** A connection from inside a namespace; it may still be under way. */
  connect(namespace: number, to: SocketAddress, options: { from?: SocketAddress; mark?: number } = {}): Conversation {
    const family = to.ip.includes(':') ? AF_INET6 : AF_INET;
    const fd = inNamespace(namespace, () => openTcpSocket(family));
    if (options.mark !== undefined) setMark(fd, options.mark);
    if (options.from !== undefined) {
      setTransparent(fd, family);
      bind(fd, options.from);
    }
    const result = connect(fd, to);
    if (result < 0 && result !== -EINPROGRESS) throw new Error(`connect: errno ${-result}`);
    const socket = new Socket({ fd, readable: true, writable: true });
    this.#sockets.push(socket);
    return new Conversation(socket);
  }

  datagrams(namespace: number, address: SocketAddress, mark?: number): DatagramSocket {
    const fd = inNamespace(namespace, () => openUdpSocket(AF_INET));
    if (mark !== undefined) setMark(fd, mark);
    bind(fd, address);
    const socket = createSocket('udp4');
    socket.on('error', () => socket.close());
    socket.bind({ fd });
    this.#datagrams.push(socket);
    return socket;
  }

  close(): void {
    for (const socket of this.#datagrams) socket.close();
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) server.close();
    close(this.pod);
    close(this.peer);
  }

  #ip(namespace: number | undefined, lines: string[]): void {
    const run = (): string =>
      runTool('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n`, purpose: 'lay the link' });
    if (namespace === undefined) run();
    else inNamespace(namespace, run);
  }
}

/** Asks and waits for the answer; a connection that ends or errs rejects. */
export class Conversation {
  readonly socket: Socket;
  #fail: (error: Error) => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('closed')));
  }

  async ask(text: string, patience = 2_000): Promise<string> {
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('silence')), patience);
      this.#fail = (error) => {
        clearTimeout(timer);
        reject(error);
      };
      this.socket.once('data', (chunk) => {
        clearTimeout(timer);
        resolve(chunk.toString());
      });
      this.socket.write(text);
    });
  }
}
