import type { IncomingMessage } from 'node:http';
import type { Clock, Timer } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';
import { KubeError } from './kube-error.ts';
import { isFields, keptObject } from './kube-object.ts';
import { LineDecoder } from './line-decoder.ts';
import { RESPONSE_MAX_BYTES, WATCH_LINE_MAX_BYTES, WATCH_SILENCE_MS } from './limits.ts';
import type { KubeObject, Resource } from './resource.ts';
import { errorOfAnswer, errorOfStatus, unreachable, unusableAnswer } from './status-error.ts';
import { BROKEN_OFF, noAnswer, readBody, type Transport } from './transport.ts';

export type WatchEvent =
  | { readonly kind: 'added' | 'deleted' | 'modified'; readonly object: KubeObject; readonly resourceVersion: string }
  | { readonly kind: 'bookmark'; readonly resourceVersion: string };

/** Called synchronously, in the order of the events; must not throw. */
export interface WatchHandlers {
  /** The API server has accepted the watch. */
  readonly onOpen: () => void;
  readonly onEvent: (event: WatchEvent) => void;
  /** Called once, unless the watch was cut by `destroy`. Without error: the API server ended it in order. */
  readonly onEnd: (error: KubeError | undefined) => void;
}

export interface WatchOptions extends WatchHandlers {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly resource: Resource;
  readonly path: string;
  readonly token: string | undefined;
  /** What is watched, for messages. */
  readonly action: string;
  /** Milliseconds until the API server must have accepted. */
  readonly openTimeout: number;
}

const KINDS: Readonly<Record<string, 'added' | 'deleted' | 'modified'>> = {
  ADDED: 'added',
  DELETED: 'deleted',
  MODIFIED: 'modified',
};

/** One watch: one request, one connection, events until it ends. */
export class Watch {
  readonly #options: WatchOptions;
  readonly #request: ReturnType<Transport['open']>;
  readonly #lines = new LineDecoder(WATCH_LINE_MAX_BYTES);
  #lastLine: number;
  #timer: Timer;
  #ended = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    const { transport, clock, path, token, action, openTimeout } = options;
    this.#lastLine = clock.now();
    this.#request = transport.open({ method: 'GET', path, token, connection: 'own' });
    this.#request.on('error', (error) => {
      const { reason, message } = noAnswer(error, this.#request);
      this.#end(unreachable(action, reason, message, error));
    });
    this.#request.on('response', (response) => this.#receive(response));
    this.#timer = clock.setTimeout(
      () => this.#end(unreachable(action, 'Timeout', `no answer within ${openTimeout} ms`)),
      openTimeout,
    );
    this.#request.end();
  }

  /** Cuts the connection; no handler is called any more. */
  destroy(): void {
    this.#ended = true;
    this.#timer.cancel();
    this.#request.destroy();
  }

  #receive(response: IncomingMessage): void {
    const { action, onOpen } = this.#options;
    // A late error of an ended watch has nobody left to tell.
    response.on('error', (error) => this.#end(unreachable(action, 'ConnectionFailed', BROKEN_OFF, error)));
    if (this.#ended) return;
    const status = response.statusCode ?? 0;
    if (status !== 200) {
      readBody(response, RESPONSE_MAX_BYTES).then(
        (body) => this.#end(errorOfAnswer(action, status, body)),
        (error: unknown) => this.#end(unreachable(action, 'ConnectionFailed', messageOf(error), error)),
      );
      return;
    }
    this.#timer.cancel();
    this.#lastLine = this.#options.clock.now();
    this.#awaitLine();
    response.on('data', (chunk: Buffer) => this.#decode(chunk));
    response.on('end', () => this.#end(undefined));
    response.on('close', () => this.#end(unreachable(action, 'ConnectionFailed', BROKEN_OFF)));
    onOpen();
  }

  /** One timer that is set anew when it fires, rather than one per event. */
  #awaitLine(): void {
    const { clock, action } = this.#options;
    const left = this.#lastLine + WATCH_SILENCE_MS - clock.now();
    if (left <= 0) {
      this.#end(unreachable(action, 'Silent', `neither event nor bookmark for ${WATCH_SILENCE_MS} ms`));
      return;
    }
    this.#timer = clock.setTimeout(() => this.#awaitLine(), left);
  }

  #decode(chunk: Buffer): void {
    if (this.#ended) return;
    try {
      this.#lines.push(chunk, (line) => {
        this.#lastLine = this.#options.clock.now();
        this.#handle(line);
        return !this.#ended;
      });
    } catch (error) {
      if (error instanceof KubeError) this.#end(error);
      else this.#end(unusableAnswer(this.#options.action, 'ResponseTooLarge', messageOf(error)));
    }
  }

  /** Throws `KubeError`. */
  #handle(line: string): void {
    const { action, resource, onEvent } = this.#options;
    const value = parse(line);
    if (!isFields(value) || typeof value.type !== 'string') {
      throw unusableAnswer(
        action,
        'MalformedResponse',
        `an event is no JSON object with a type (${line.length} characters)`,
      );
    }
    if (value.type === 'ERROR') throw errorOfStatus(action, 500, value.object);
    const kind = Object.hasOwn(KINDS, value.type) ? KINDS[value.type] : undefined;
    const metadata = isFields(value.object) && isFields(value.object.metadata) ? value.object.metadata : {};
    const { resourceVersion } = metadata;
    if (typeof resourceVersion === 'string' && resourceVersion !== '') {
      if (value.type === 'BOOKMARK') {
        onEvent({ kind: 'bookmark', resourceVersion });
        return;
      }
      const object = keptObject(value.object, resource);
      if (kind !== undefined && object !== undefined) {
        onEvent({ kind, object, resourceVersion });
        return;
      }
    }
    throw unusableAnswer(
      action,
      'MalformedResponse',
      `an event of type ${JSON.stringify(value.type.slice(0, 32))} cannot be read`,
    );
  }

  #end(error: KubeError | undefined): void {
    if (this.#ended) return;
    this.destroy();
    this.#options.onEnd(error);
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
