import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Drainable } from '@ambit/core/drain';
import { AmbitError, messageOf } from '@ambit/core/errors';

/** What a path answers: status and text. */
export type Page = () => { readonly status: number; readonly text: string };

/** A few pages over HTTP, for probes and scrapers. */
export class StatusServer implements Drainable {
  readonly #server: Server;

  /** Resolves when it listens; rejects with `AMBIT_CNI_LISTEN`. Port 0 lets the system choose. */
  static async listen(port: number, pages: Readonly<Record<string, Page>>): Promise<StatusServer> {
    const server = new StatusServer(pages);
    await new Promise<void>((resolve, reject) => {
      server.#server.once('error', (error) => {
        const message = `cannot listen on port ${port}: ${messageOf(error)}`;
        reject(new AmbitError('AMBIT_CNI_LISTEN', message, { source: 'system', cause: error }));
      });
      server.#server.listen(port, resolve);
    });
    return server;
  }

  private constructor(pages: Readonly<Record<string, Page>>) {
    const byPath = new Map(Object.entries(pages));
    this.#server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, (request, response) => {
      const page = byPath.get(request.url?.split('?')[0] ?? '');
      if (request.method !== 'GET' && request.method !== 'HEAD') answer(response, 405, 'only GET is answered\n');
      else if (page === undefined) answer(response, 404, `there is only ${[...byPath.keys()].join(', ')}\n`);
      else answer(response, page().status, page().text);
    });
    this.#server.maxConnections = 64;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  close(): Promise<void> {
    this.destroy();
    return Promise.resolve();
  }

  destroy(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}
