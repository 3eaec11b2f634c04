import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { formatSocketAddress, type SocketAddress } from '@ambit/core/address';
import type { Clock } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import { AmbitError, messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import {
  ADMISSION_IDLE_MS,
  ADMISSION_REQUEST_MS,
  MAX_ADMISSION_BYTES,
  MAX_ADMISSION_BYTES_UNDER_WAY,
  MAX_ADMISSION_CONNECTIONS,
} from '../limits.ts';
import type { Counters } from '../serve/counters.ts';
import type { ServerCertificate } from '../serve/server-credentials.ts';
import { type AdmissionRequest, readReview, type Verdict, writtenAnswer } from './review.ts';

/** Istio's. */
const PATH = '/validate';

export interface AdmissionServerParts {
  readonly judge: (request: AdmissionRequest) => Verdict;
  /** How long it goes on when it is asked to close, milliseconds: API servers may not know yet that it leaves. */
  readonly lingerMs: number;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Logger;
}

/**
 * Answers API servers that ask whether an object may be stored: HTTPS, one path. Nobody has to say who they are, as in Istio:
 * an answer tells only what is known from the question. Nothing is kept between questions, so a dry run has no effect.
 */
export class AdmissionServer implements Drainable {
  readonly #parts: AdmissionServerParts;
  readonly #server: Server;
  /** Received of questions that are not answered yet. */
  #bytes = 0;
  #leaving = false;

  constructor(parts: AdmissionServerParts) {
    this.#parts = parts;
    this.#server = createServer(
      {
        handshakeTimeout: ADMISSION_REQUEST_MS,
        headersTimeout: ADMISSION_REQUEST_MS,
        requestTimeout: ADMISSION_REQUEST_MS,
        keepAliveTimeout: ADMISSION_IDLE_MS,
        connectionsCheckingInterval: ADMISSION_REQUEST_MS / 5,
        maxHeaderSize: 16_384,
      },
      (request, response) => this.#receive(request, response),
    );
    this.#server.maxConnections = MAX_ADMISSION_CONNECTIONS;
    // A connection that cannot be taken (no descriptor left) is one question less, and no reason to stop.
    this.#server.on('error', () => undefined);
  }

  /** The address it listens on, with the certificate as it is renewed. Throws `AMBIT_LISTEN`. */
  async listen(address: SocketAddress, certificate: Pick<ServerCertificate, 'follow'>): Promise<SocketAddress> {
    certificate.follow(({ chainPem, privateKeyPem }) => {
      this.#server.setSecureContext({ cert: chainPem, key: privateKeyPem, minVersion: 'TLSv1.3' });
    });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => {
        const place = formatSocketAddress(address);
        reject(
          new AmbitError('AMBIT_LISTEN', `admission on ${place}: ${messageOf(error)}`, {
            source: 'system',
            cause: error,
          }),
        );
      });
      this.#server.listen(address.port, address.ip, resolve);
    });
    return { ip: address.ip, port: (this.#server.address() as AddressInfo).port };
  }

  /** Goes on for a while, each answer the last of its connection; then answers what was asked and takes nothing new. */
  async close({ deadline }: { deadline: number }): Promise<void> {
    this.#leaving = true;
    await new Promise<void>((resolve) => {
      this.#parts.clock.setTimeout(resolve, this.#parts.lingerMs);
    });
    await new Promise<void>((resolve) => {
      const late = this.#parts.clock.setTimeout(() => this.#server.closeAllConnections(), deadline);
      this.#server.close(() => {
        late.cancel();
        resolve();
      });
      this.#server.closeIdleConnections();
    });
  }

  destroy(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    const wrong = mistakeIn(request);
    if (wrong !== undefined) return this.#refuse(response, ...wrong);
    const chunks: Buffer[] = [];
    let size = 0;
    const give = (): void => {
      this.#bytes -= size;
      size = 0;
      chunks.length = 0;
    };
    request.on('data', (chunk: Buffer) => {
      if (response.writableEnded) return;
      size += chunk.length;
      this.#bytes += chunk.length;
      if (size <= MAX_ADMISSION_BYTES && this.#bytes <= MAX_ADMISSION_BYTES_UNDER_WAY) {
        chunks.push(chunk);
        return;
      }
      const isLarge = size > MAX_ADMISSION_BYTES;
      give();
      if (isLarge) this.#refuse(response, 413, `a question has ${MAX_ADMISSION_BYTES} bytes at most`);
      else this.#refuse(response, 503, 'too much is being asked; ask again');
    });
    request.on('error', give);
    request.on('close', give);
    request.on('end', () => {
      if (response.writableEnded) return;
      const body = Buffer.concat(chunks, size).toString('utf8');
      give();
      this.#answer(body, response);
    });
  }

  #answer(body: string, response: ServerResponse): void {
    const { judge, counters, log } = this.#parts;
    try {
      const request = readReview(body);
      const verdict = judge(request);
      // What stands in a question is anybody's word, so no label says more of it than this.
      counters.count(verdict.allowed ? 'galley_validation_passed' : 'galley_validation_failed');
      if (!verdict.allowed) {
        const { operation, kind, namespace } = request;
        log.debug({ operation, kind, namespace, reason: verdict.message }, 'an object is not let in');
      }
      const last = this.#leaving ? { connection: 'close' } : {};
      response.writeHead(200, { 'content-type': 'application/json', ...last });
      response.end(writtenAnswer(request.uid, verdict));
    } catch (error) {
      const isTheirs = error instanceof AmbitError && error.code === 'AMBIT_ADMISSION_REVIEW';
      const reason = messageOf(error);
      if (!isTheirs) log.error({ code: 'AMBIT_INTERNAL', reason }, 'an object cannot be judged');
      this.#refuse(response, isTheirs ? 400 : 500, reason);
    }
  }

  /** An answer that is no review: the API server goes by its failurePolicy. */
  #refuse(response: ServerResponse, status: number, reason: string): void {
    this.#parts.counters.count('galley_validation_http_error', { status: String(status) });
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
    response.end(`${reason}\n`);
  }
}

/** What is wrong with a request before its body is read. */
function mistakeIn({ url = '', method, headers }: IncomingMessage): readonly [number, string] | undefined {
  if (url.split('?')[0] !== PATH) return [404, `only ${PATH} is known`];
  if (method !== 'POST') return [405, 'only POST is known'];
  const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') return [415, 'only application/json is read'];
  const length = Number(headers['content-length'] ?? 0);
  return length > MAX_ADMISSION_BYTES ? [413, `a question has ${MAX_ADMISSION_BYTES} bytes at most`] : undefined;
}
