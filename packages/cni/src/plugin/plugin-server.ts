import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Drainable } from '@ambit/core/drain';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { PLUGIN_CONNECTIONS, PLUGIN_REQUEST_BYTES, PLUGIN_REQUEST_MS } from '../limits.ts';
import { type AddRequest, parseAddRequest } from './add-request.ts';

/** What the plugin is told: whether the pod is in the mesh now. */
export interface AddAnswer {
  readonly enrolled: boolean;
  /** One phrase. */
  readonly reason: string;
}

export interface PluginServerOptions {
  /** Path of the socket; its folder must exist. */
  readonly path: string;
  /** Answers a new sandbox. What it rejects with is told to the plugin, and by kubelet to whoever looks at the pod. */
  readonly onAdd: (request: AddRequest) => Promise<AddAnswer>;
}

/** Errors that do not say whether the pod belongs into the mesh; the plugin goes by what is stored of its namespace then. */
const UNDECIDED: readonly string[] = ['AMBIT_CNI_API', 'AMBIT_CNI_POD'];

/** Where the CNI plugin asks: `POST /cmdadd` over a Unix stream socket that only root may open. */
export class PluginServer implements Drainable {
  readonly #options: PluginServerOptions;
  readonly #server: Server;
  #inode: number | undefined;

  /** Resolves when plugins can ask; rejects with `AMBIT_CNI_LISTEN`. A socket that nobody answers any more is replaced. */
  static async listen(options: PluginServerOptions): Promise<PluginServer> {
    const server = new PluginServer(options);
    try {
      await server.#listen();
      return server;
    } catch (error) {
      throw new AmbitError('AMBIT_CNI_LISTEN', `cannot listen on ${options.path}: ${messageOf(error)}`, {
        source: 'system',
        cause: error,
      });
    }
  }

  private constructor(options: PluginServerOptions) {
    this.#options = options;
    this.#server = createServer(
      { requestTimeout: PLUGIN_REQUEST_MS, headersTimeout: PLUGIN_REQUEST_MS, maxHeaderSize: 8_192 },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxConnections = PLUGIN_CONNECTIONS;
  }

  /** Takes no new requests and cuts those under way: their pods try again. */
  close(): Promise<void> {
    this.destroy();
    return Promise.resolve();
  }

  destroy(): void {
    const { path } = this.#options;
    // The path may have been taken over by the next agent; Node would remove it all the same.
    const mine = lstatSync(path, { throwIfNoEntry: false })?.ino === this.#inode;
    if (mine) rmSync(path, { force: true });
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #listen(): Promise<void> {
    const { path } = this.#options;
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found !== undefined && !found.isSocket()) throw new Error('it is in the way and no socket');
    rmSync(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, resolve);
    });
    chmodSync(path, 0o600);
    this.#inode = lstatSync(path).ino;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => response.destroy());
    response.on('error', () => response.destroy());
    try {
      if (request.method !== 'POST' || request.url !== '/cmdadd') {
        send(response, 404, { error: 'only POST /cmdadd is answered' });
        return;
      }
      send(response, 200, await this.#options.onAdd(parseAddRequest(await bodyOf(request))));
    } catch (error) {
      const code = error instanceof AmbitError ? error.code : 'AMBIT_INTERNAL';
      const undecided = UNDECIDED.includes(code);
      send(response, code === 'AMBIT_CNI_REQUEST' ? 400 : 503, { error: `${code}: ${messageOf(error)}`, undecided });
    }
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > PLUGIN_REQUEST_BYTES)
      throw new AmbitError('AMBIT_CNI_REQUEST', `the plugin's request is longer than ${PLUGIN_REQUEST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    connection: 'close',
  });
  response.end(text);
}
