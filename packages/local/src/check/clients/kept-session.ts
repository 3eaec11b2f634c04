import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import type { RequestsOptions } from './requests-options.ts';

/** What an answer says of itself. */
export interface Answered {
  readonly status: number;
  readonly version: string;
  readonly pod: string;
}

/** A connection of HTTP/2 that is kept, as gRPC clients keep theirs, and made anew when the server asks for it. */
export class KeptSession {
  readonly #options: RequestsOptions;
  #session: ClientHttp2Session | undefined;

  constructor(options: RequestsOptions) {
    this.#options = options;
  }

  exchange(): Promise<Answered> {
    const { host, path = '/', headers = {}, answerWithin = 5_000 } = this.#options;
    return new Promise((resolve, reject) => {
      const call = this.#open().request({ ...headers, ':path': path, ':authority': host });
      let head: IncomingHttpHeaders = {};
      call.setTimeout(answerWithin, () => {
        reject(new Error(`no answer within ${answerWithin} ms`));
        call.close(constants.NGHTTP2_CANCEL);
      });
      call.on('error', reject);
      call.on('response', (fields) => {
        head = fields;
      });
      call.on('end', () => {
        resolve({ status: Number(head[':status'] ?? 0), version: text(head, 'x-version'), pod: text(head, 'x-pod') });
      });
      call.resume();
      call.end();
    });
  }

  close(): void {
    this.#session?.close();
  }

  #open(): ClientHttp2Session {
    const known = this.#session;
    if (known !== undefined && !known.closed && !known.destroyed) return known;
    const { host, port } = this.#options;
    const session = connect(`http://${host}:${port}`);
    this.#session = session;
    // Requests hear of errors themselves.
    session.on('error', () => undefined);
    session.on('goaway', () => {
      session.close();
      if (this.#session === session) this.#session = undefined;
    });
    return session;
  }
}

function text(fields: IncomingHttpHeaders, name: string): string {
  const value = fields[name];
  return typeof value === 'string' ? value : '';
}
