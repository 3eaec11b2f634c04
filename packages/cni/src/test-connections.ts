import { createServer, type Server, Socket } from 'node:net';
import { EINPROGRESS } from '@ambit/native/errno';
import { openTcpListener } from '@ambit/native/listening-socket';
import { inNamespace } from '@ambit/native/namespace';
import { connect, openTcpSocket } from '@ambit/native/socket';
import { AF_INET } from '@ambit/native/socket-address';

/** A server of the node that answers every chunk with itself. */
export async function echoServer(ip: string, port: number): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen({ fd: openTcpListener({ address: { ip, port } }) }, resolve));
  return server;
}

/** Connections out of a namespace that stay open. */
export class OpenConnections {
  /** What became of those that ended. */
  readonly broken: string[] = [];
  readonly #sockets: Socket[] = [];

  open(namespace: number, to: { ip: string; port: number }, count: number): void {
    for (let index = 0; index < count; index++) {
      const fd = inNamespace(namespace, () => openTcpSocket(AF_INET));
      const result = connect(fd, to);
      if (result < 0 && result !== -EINPROGRESS) throw new Error(`connect: errno ${-result}`);
      const socket = new Socket({ fd, readable: true, writable: true });
      socket.on('error', (error) => this.broken.push(error.message));
      socket.on('end', () => this.broken.push('ended'));
      this.#sockets.push(socket);
    }
  }

  /** Sends a word over each and counts the answers within a second. */
  async answering(): Promise<number> {
    const answers = this.#sockets.map(
      (socket) =>
        new Promise<boolean>((resolve) => {
          const timer = setTimeout(() => resolve(false), 1_000);
          socket.once('data', () => {
            clearTimeout(timer);
            resolve(true);
          });
          socket.write('word');
        }),
    );
    return (await Promise.all(answers)).filter(Boolean).length;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
