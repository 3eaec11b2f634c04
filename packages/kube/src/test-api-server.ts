/** A real HTTP or HTTPS server on loopback that says what a test tells it to, in place of an API server. */
import * as http from 'node:http';
import * as https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { TestAuthority } from '@ambit/identity/test-authority';
import type { ApiServer } from './api-server.ts';

export type Reply = (request: http.IncomingMessage, response: http.ServerResponse, body: string) => void;

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export class TestApiServer {
  /** What was asked, in order. */
  readonly received: Received[] = [];
  /** Connections that were ever accepted. */
  accepted = 0;
  /** Answers every request; replaced by the test at will. */
  reply: Reply = (_request, response) => sendStatus(response, 404, 'NotFound', 'nothing here');
  readonly #authority: TestAuthority | undefined;
  readonly #sockets = new Set<Socket>();
  #server: http.Server | undefined;
  #port = 0;

  private constructor(authority: TestAuthority | undefined) {
    this.#authority = authority;
  }

  static async start(options: { tls?: boolean } = {}): Promise<TestApiServer> {
    const server = new TestApiServer(options.tls === true ? await TestAuthority.create() : undefined);
    await server.listen();
    return server;
  }

  /** What a client needs. */
  get apiServer(): ApiServer {
    const scheme = this.#authority === undefined ? 'http' : 'https';
    return {
      url: new URL(`${scheme}://127.0.0.1:${this.#port}`),
      ...(this.#authority === undefined ? {} : { ca: this.#authority.rootPem }),
    };
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Listens, the second time on the same port. */
  async listen(): Promise<void> {
    const handle = (request: http.IncomingMessage, response: http.ServerResponse): void => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('error', () => undefined);
      response.on('error', () => undefined);
      request.on('end', () => {
        const url = new URL(request.url ?? '/', 'http://server');
        const body = Buffer.concat(chunks).toString('utf8');
        const { method = '', headers } = request;
        this.received.push({ method, path: url.pathname, query: url.searchParams, headers, body });
        this.reply(request, response, body);
      });
    };
    this.#server = await this.#create(handle);
    this.#server.on('connection', (socket) => {
      this.accepted += 1;
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => this.#server?.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Ends as a killed server does: every connection is reset. */
  async kill(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await closed;
  }

  async #create(handle: http.RequestListener): Promise<http.Server> {
    if (this.#authority === undefined) return http.createServer(handle);
    const { certificateChainPem, privateKeyPem } = await this.#authority.issue(undefined, { ips: ['127.0.0.1'] });
    return https.createServer({ cert: certificateChainPem, key: privateKeyPem }, handle);
  }
}

export function sendJson(response: http.ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** A Status object, as the API server refuses. `extra` are further fields of it. */
export function sendStatus(
  response: http.ServerResponse,
  code: number,
  reason: string,
  message: string,
  extra: object = {},
): void {
  sendJson(response, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, ...extra }, code);
}
