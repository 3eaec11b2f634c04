import { parseSocketAddress } from '@ambit/core/address';
import type { Drainable } from '@ambit/core/drain';
import { AmbitError, messageOf } from '@ambit/core/errors';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

// An import of node:http would also load the WebSocket client among its exports, 5 MB that no node proxy needs.
const { createServer } = process.getBuiltinModule('node:http');

/** What a route answers with. `type` is the content type; default `application/json`. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
}

/** Keyed by method and path, e.g. `GET /config_dump`. */
export type Routes = Readonly<Record<string, (query: URLSearchParams) => Answer | Promise<Answer>>>;

/** A client of these listeners that does not finish its request in this time is cut, milliseconds. */
const REQUEST_TIMEOUT = 10_000;

/** A small HTTP listener for operators and scrapers. Requests have no bodies; what they carry is ignored. */
export class HttpListener implements Drainable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens on `ip:port`. Rejects with `AMBIT_LISTEN` that names the variable to change. */
  static async open(variable: string, address: string, routes: Routes): Promise<HttpListener> {
    const parsed = parseSocketAddress(address);
    if (parsed === undefined)
      throw new AmbitError('AMBIT_LISTEN', `${variable}=${JSON.stringify(address)} is not ip:port`, {
        source: 'configuration',
      });
    const server = createServer(
      { requestTimeout: REQUEST_TIMEOUT, headersTimeout: REQUEST_TIMEOUT },
      (request, response) => {
        request.resume();
        answer(routes, request, response).catch(() => {
          response.destroy();
        });
      },
    );
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    server.once('error', (error) => {
      reject(
        new AmbitError('AMBIT_LISTEN', `cannot listen on ${variable}=${address}: ${error.message}`, {
          source: 'system',
          cause: error,
        }),
      );
    });
    server.listen(parsed.port, parsed.ip, () => {
      resolve(undefined);
    });
    await promise;
    // After the start an error of the listener itself (EMFILE on accept) must not end the process.
    server.on('error', () => undefined);
    server.unref();
    return new HttpListener(server);
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

async function answer(routes: Routes, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const result = await run(routes, request.method ?? 'GET', request.url ?? '/');
  response.writeHead(result.status, {
    'content-type': result.type ?? 'application/json',
    'content-length': Buffer.byteLength(result.body),
  });
  response.end(result.body);
}

async function run(routes: Routes, method: string, target: string): Promise<Answer> {
  // The target is whatever a client wrote: `//` and the like are no paths.
  const url = target.startsWith('/') && !target.startsWith('//') ? URL.parse(target, 'http://admin') : null;
  if (url === null) return { status: 400, body: '{"error":"the request target is not a path"}\n' };
  const route = Object.hasOwn(routes, `${method} ${url.pathname}`) ? routes[`${method} ${url.pathname}`] : undefined;
  if (route === undefined) return { status: 404, body: '{"error":"no such path"}\n' };
  try {
    return await route(url.searchParams);
  } catch (error) {
    return { status: 500, body: `${JSON.stringify({ error: messageOf(error) })}\n` };
  }
}
