import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SocketAddress } from '@ambit/core/address';
import type { Drainable } from '@ambit/core/drain';
import { AmbitError, messageOf } from '@ambit/core/errors';

/** One page of the status server. */
export interface StatusPage {
  /** Default `application/json`. */
  readonly contentType?: string;
  /** Default 200. */
  readonly status?: number;
  readonly body: string;
}

/** What tells of the mesh's inside; only who is on the machine, or forwards a port to it, may see it. */
const PRIVATE = '/debug/';

/** Plain HTTP for probes, metrics and people on the machine: GET only, one small page per path. */
export class StatusServer implements Drainable {
  readonly #pages: ReadonlyMap<string, () => StatusPage>;
  readonly #server: Server;

  constructor(pages: ReadonlyMap<string, () => StatusPage>) {
    this.#pages = pages;
    this.#server = createServer({ requestTimeout: 10_000, maxHeaderSize: 16_384 }, (request, response) => {
      const path = (request.url ?? '').split('?')[0] ?? '';
      const page =
        path.startsWith(PRIVATE) && !isLoopback(request.socket.remoteAddress ?? '')
          ? {
              status: 403,
              contentType: 'text/plain',
              body: 'from the machine itself only, or by kubectl port-forward\n',
            }
          : this.#page(request.method ?? '', path);
      response.writeHead(page.status ?? 200, { 'content-type': page.contentType ?? 'application/json' });
      response.end(page.body);
    });
    this.#server.on('clientError', (_error, socket) => socket.destroy());
    // A connection that cannot be taken (no descriptor left) is one page less, and no reason to stop.
    this.#server.on('error', () => undefined);
  }

  /** The address it listens on. Throws `AMBIT_LISTEN`. */
  async listen({ ip, port }: SocketAddress): Promise<SocketAddress> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => {
        reject(
          new AmbitError('AMBIT_LISTEN', `status server on ${ip}:${port}: ${messageOf(error)}`, {
            source: 'system',
            cause: error,
          }),
        );
      });
      this.#server.listen(port, ip, resolve);
    });
    return { ip, port: (this.#server.address() as AddressInfo).port };
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  destroy(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #page(method: string, path: string): StatusPage {
    if (method !== 'GET' && method !== 'HEAD')
      return { status: 405, contentType: 'text/plain', body: 'only GET is known\n' };
    try {
      const page = this.#pages.get(path);
      if (page !== undefined) return page();
      return { status: 404, contentType: 'text/plain', body: `${[...this.#pages.keys()].join('\n')}\n` };
    } catch (error) {
      return { status: 500, contentType: 'text/plain', body: `${messageOf(error)}\n` };
    }
  }
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^(?:::ffff:)?127\./.test(address);
}
