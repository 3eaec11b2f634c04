import * as http from 'node:http';
import * as https from 'node:https';
import type { Clock } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';
import type { ApiServer } from './api-server.ts';
import { configurationError } from './credential-file.ts';
import { CONNECTION_IDLE_MS, KEEPALIVE_MS, REQUEST_CONNECTIONS } from './limits.ts';

export interface Call {
  readonly method: 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT';
  /** With query. */
  readonly path: string;
  readonly token: string | undefined;
  readonly body?: { readonly type: string; readonly content: Buffer } | undefined;
  /** Watches have a connection of their own: their end must disturb nothing else. */
  readonly connection: 'own' | 'shared';
}

export interface Answer {
  readonly status: number;
  /** Milliseconds of the `Retry-After` header. */
  readonly retryAfter: number | undefined;
  readonly body: Buffer;
}

/** Why there was no answer. */
export class NoAnswer extends Error {
  readonly reason: 'ConnectionFailed' | 'ResponseTooLarge' | 'Timeout';
  /** Whether the request may have reached the API server. */
  readonly delivered: boolean;

  constructor(reason: NoAnswer['reason'], message: string, delivered: boolean, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
    this.delivered = delivered;
  }
}

/** The runtime says `aborted`, whatever became of the connection. */
export const BROKEN_OFF = 'the connection broke off within the answer';

/** Requests of which something may have left this machine. */
const SENT = new WeakSet<http.ClientRequest>();

/** Connections to one API server over HTTP/1.1. Knows nothing of what is asked. */
export class Transport {
  readonly #server: ApiServer;
  readonly #clock: Clock;
  readonly #userAgent: string;
  readonly #base: string;
  #roots: string | undefined;
  #agents: { readonly shared: http.Agent; readonly own: http.Agent } | undefined;

  /** Throws `AMBIT_KUBE_CONFIG` when credentials would travel in clear. */
  constructor(server: ApiServer, { clock, userAgent }: { clock: Clock; userAgent: string }) {
    if (server.url.protocol !== 'https:' && (server.token !== undefined || server.client !== undefined)) {
      throw configurationError(`${server.url.href}: credentials are sent over https only`);
    }
    this.#server = server;
    this.#clock = clock;
    this.#userAgent = userAgent;
    this.#base = server.url.pathname.replace(/\/$/, '');
  }

  /** Sends and reads the answer whole, within `timeout` ms. Rejects with `NoAnswer`, also when `signal` is aborted. */
  exchange(call: Call, options: { timeout: number; maxBytes: number; signal: AbortSignal }): Promise<Answer> {
    const { timeout, maxBytes, signal } = options;
    return new Promise((resolve, reject) => {
      const request = this.open(call);
      const timer = this.#clock.setTimeout(
        () => fail(new NoAnswer('Timeout', `no answer within ${timeout} ms`, SENT.has(request))),
        timeout,
      );
      const abandon = (): void => fail(new NoAnswer('ConnectionFailed', messageOf(signal.reason), SENT.has(request)));
      const fail = (error: unknown): void => {
        settle();
        reject(noAnswer(error, request));
        request.destroy();
      };
      const settle = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', abandon);
      };
      signal.addEventListener('abort', abandon);
      request.on('error', fail);
      request.on('response', (response) => {
        readBody(response, maxBytes).then((body) => {
          settle();
          resolve({ status: response.statusCode ?? 0, retryAfter: retryAfter(response), body });
        }, fail);
      });
      request.end(call.body?.content);
      if (signal.aborted) abandon();
    });
  }

  /** A request whose answer the caller reads; the caller handles `error` on both, and ends the request. */
  open({ method, path, token, body, connection }: Call): http.ClientRequest {
    const { url } = this.#server;
    const request = (url.protocol === 'https:' ? https : http).request({
      agent: this.#agent(connection),
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port),
      method,
      path: this.#base + path,
      headers: {
        accept: 'application/json',
        'user-agent': this.#userAgent,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': body.type, 'content-length': body.content.length }),
      },
    });
    request.on('socket', (socket) => {
      // A peer that vanished without a word is noticed even while there is nothing to send.
      socket.setKeepAlive(true, KEEPALIVE_MS);
      if (request.reusedSocket) SENT.add(request);
      else socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => SENT.add(request));
    });
    return request;
  }

  /** Closes the connections that are in use by nobody; the others end with their requests. */
  close(): void {
    this.#agents?.shared.destroy();
    this.#agents?.own.destroy();
    this.#agents = undefined;
  }

  #agent(connection: Call['connection']): http.Agent {
    const { url, ca, serverName, client } = this.#server;
    if (this.#agents === undefined || ca !== this.#roots) {
      // Requests under way keep their connections, and idle ones of the old agent end by themselves.
      this.#roots = ca;
      const make = (options: http.AgentOptions): http.Agent =>
        url.protocol === 'https:'
          ? new https.Agent({
              ...options,
              ...(ca === undefined ? {} : { ca }),
              ...(serverName === undefined ? {} : { servername: serverName }),
              ...(client === undefined ? {} : { cert: client.certificate, key: client.key }),
              minVersion: 'TLSv1.2',
            })
          : new http.Agent(options);
      this.#agents = {
        shared: make({ keepAlive: true, maxSockets: REQUEST_CONNECTIONS, timeout: CONNECTION_IDLE_MS }),
        own: make({ keepAlive: false }),
      };
    }
    return this.#agents[connection];
  }
}

/** Resolves with the whole body; rejects with `NoAnswer` when it breaks off or grows beyond `maxBytes`. */
export function readBody(response: http.IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxBytes) {
        reject(new NoAnswer('ResponseTooLarge', `the answer has more than ${maxBytes} bytes`, true));
        response.destroy();
      } else chunks.push(chunk);
    });
    response.on('end', () => resolve(Buffer.concat(chunks, length)));
    response.on('error', (error) => reject(new NoAnswer('ConnectionFailed', BROKEN_OFF, true, error)));
    response.on('close', () => reject(new NoAnswer('ConnectionFailed', BROKEN_OFF, true)));
  });
}

/** Milliseconds of `Retry-After` in seconds; the form with a date is not used by API servers. */
export function retryAfter(response: http.IncomingMessage): number | undefined {
  const header = response.headers['retry-after'];
  return header !== undefined && /^[0-9]{1,6}$/.test(header) ? Number(header) * 1_000 : undefined;
}

export function noAnswer(error: unknown, request: http.ClientRequest): NoAnswer {
  if (error instanceof NoAnswer) return error;
  return new NoAnswer('ConnectionFailed', connectionFailure(error), SENT.has(request), error);
}

/** Says what the code of a failed connection most often means. */
function connectionFailure(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const message = messageOf(error) === '' ? code : messageOf(error);
  if (code === 'ECONNREFUSED') return `${message}; is the API server running there?`;
  if (/^(UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|CERT_)/.test(code)) {
    return `${message}; its certificate is not issued by the roots that were given (ca.crt, certificate-authority)`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `${message}; is the server's address right, or tls-server-name missing?`;
  return message;
}
