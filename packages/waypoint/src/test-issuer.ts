import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach } from 'vitest';
import type { TestKey } from './test-tokens.ts';

const servers = new Set<Server>();

afterEach(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  servers.clear();
});

/** An issuer that answers so; `hits` are the paths that it was asked for. */
export class TestIssuer {
  readonly hits: string[] = [];
  answer: RequestListener;
  #server: Server | undefined;
  port = 0;

  constructor(answer: RequestListener) {
    this.answer = answer;
  }

  async start(make: (listener: RequestListener) => Server = createServer): Promise<this> {
    const server = make((request, response) => {
      this.hits.push(request.url ?? '');
      this.answer(request, response);
    });
    servers.add(server);
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
    return this;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  get origin(): string {
    return `http://issuer.test:${this.port}`;
  }
}

/** These keys. */
export function serving(...keys: readonly TestKey[]): RequestListener {
  return text(JSON.stringify({ keys: keys.map((key) => key.jwk()) }));
}

export function text(body: string, status = 200, headers: Record<string, string> = {}): RequestListener {
  return (_request, response) => {
    response.writeHead(status, headers).end(body);
  };
}
