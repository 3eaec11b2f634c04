import type { AmbitError } from '@ambit/core/errors';
import type { ClientExchange, HttpVersion } from '@ambit/http/exchange';
import type { FieldList } from '@ambit/http/h2/message-fields';
import { OUTPUT_BUFFER_BYTES } from '@ambit/reactor/limits';
import type { Reactor } from '@ambit/reactor/reactor';
import type { ReactorTimer } from '@ambit/reactor/timer-wheel';
import { type AttemptOutcome, unansweredStatus } from '@ambit/traffic/retry/attempt-outcome';
import { MIRROR_BUFFER_BYTES, MIRROR_RESPONSE_BYTES } from '../limits.ts';
import { Attempt, type AttemptOwner } from './attempt.ts';
import { MessageBody } from './message-body.ts';
import { type MirrorResult, resultOfStatus } from './mirror-result.ts';
import type { ServedClient } from './served-connection.ts';
import { upstreamVersion } from './upstream-endpoint.ts';
import type { UpstreamCluster } from './upstreams.ts';

/** What a copy has of the request that it is of. */
export interface Original {
  /** As the endpoint of the request gets it. */
  readonly head: FieldList;
  readonly headOnly: boolean;
  /** In which it came. */
  readonly version: HttpVersion;
  /** From the end of the request to the end of the copy's answer, milliseconds. */
  readonly timeoutMs: number;
  readonly client: ServedClient;
}

/**
 * A copy of a request, tried once at one endpoint, of which nobody waits for the answer. It takes content as it comes to the
 * request and never holds that up: an endpoint that does not take the copy as fast loses it.
 */
export class MirroredRequest implements AttemptOwner {
  readonly #reactor: Reactor;
  readonly #cluster: UpstreamCluster;
  readonly #original: Original;
  readonly #onOver: (result: MirrorResult) => void;
  readonly #body: MessageBody;
  #attempt: Attempt | undefined;
  #timer: ReactorTimer | undefined;
  #status = 0;
  #responseBytes = 0;
  /** Octets counted as held. */
  #held = 0;
  #over = false;

  /** `onOver` is called once, also from within `begin`. */
  constructor(reactor: Reactor, cluster: UpstreamCluster, original: Original, onOver: (result: MirrorResult) => void) {
    this.#reactor = reactor;
    this.#cluster = cluster;
    this.#original = original;
    this.#onOver = onOver;
    this.#body = new MessageBody(reactor.buffers, UNBOUND, 0);
  }

  begin(): void {
    const chosen = this.#cluster.choose(NOT_TRIED, this.#original.client, this.#original.head);
    if (chosen === 'unknown' || chosen === undefined) {
      this.#over = true;
      this.#onOver('no_endpoint');
      return;
    }
    const isOpen = (this.#cluster.state.breaker?.state ?? 'closed') !== 'closed';
    if (isOpen || !this.#cluster.mirrors.begin()) {
      this.#over = true;
      this.#onOver('overflow');
      return;
    }
    this.#attempt = new Attempt(this, chosen, upstreamVersion(this.#cluster.compiled, this.#original.version, false));
    if (this.headOnly) this.#awaitAnswer();
    this.#attempt.begin(false, this.#cluster.compiled.model.connectTimeoutMs);
  }

  /** Content of the request, as it came. */
  receive(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.#over) return;
    this.#body.receive(bytes, start, end, endStream, this.#attempt?.exchange);
    this.#hold();
    if (endStream) this.#awaitAnswer();
  }

  endWith(trailers: FieldList): void {
    if (this.#over) return;
    this.#body.endWith(trailers, this.#attempt?.exchange);
    this.#awaitAnswer();
  }

  /** Nothing more of the request comes: a copy that has not all of it is given up. */
  requestOver(): void {
    if (!this.headOnly && !this.#body.ended) this.#giveUp('abandoned');
  }

  // From the try at the endpoint.

  head(): FieldList {
    return this.#original.head;
  }

  get upgrade(): false {
    return false;
  }

  get headOnly(): boolean {
    return this.#original.headOnly;
  }

  onSent(exchange: ClientExchange): void {
    if (!this.headOnly) this.onAttemptWritable(exchange);
  }

  onAttemptWritable(exchange: ClientExchange): void {
    if (this.headOnly) return;
    this.#body.pump(exchange);
    this.#hold();
  }

  onInterim(): void {
    // It is for the client of a request.
  }

  onHead(fields: FieldList, endStream: boolean): void {
    this.#status = Number(fields[1]);
    if (this.#attempt !== undefined) {
      this.#cluster.reached(this.#attempt.chosen);
      this.#cluster.answered(this.#attempt.chosen, this.#status);
    }
    if (endStream) this.#complete();
  }

  onContent(_bytes: Buffer, start: number, end: number, endStream: boolean): void {
    this.#attempt?.exchange?.release(end - start);
    this.#responseBytes += end - start;
    if (endStream) this.#complete();
    else if (this.#responseBytes > MIRROR_RESPONSE_BYTES) this.#giveUp(resultOfStatus(this.#status));
  }

  onResponseTrailers(): void {
    this.#complete();
  }

  onFailed(outcome: AttemptOutcome, error: AmbitError | undefined): void {
    const status = unansweredStatus(outcome);
    if (status !== undefined && this.#attempt !== undefined) {
      this.#cluster.unanswered(this.#attempt.chosen, status, outcome.kind === 'connect-failed', error);
    }
    this.#end(resultOf(outcome));
  }

  #awaitAnswer(): void {
    this.#timer ??= this.#reactor.after(this.#original.timeoutMs, () => {
      this.#giveUp(this.#status === 0 ? 'timeout' : resultOfStatus(this.#status));
    });
  }

  /** What was sent may still be in the connection's output. */
  #hold(): void {
    if (this.#over) {
      // It ended while it was being sent: what was left of it is dropped as well.
      this.#body.clear();
      return;
    }
    const { sent, length } = this.#body;
    const waiting = length - sent;
    const held = waiting + Math.min(sent, OUTPUT_BUFFER_BYTES);
    const change = held - this.#held;
    this.#held = held;
    if (!this.#cluster.mirrors.hold(change) || waiting > MIRROR_BUFFER_BYTES) this.#giveUp('not_taken');
  }

  #complete(): void {
    if (this.#over) return;
    this.#attempt?.complete();
    this.#end(resultOfStatus(this.#status));
  }

  #giveUp(result: MirrorResult): void {
    if (this.#over) return;
    this.#attempt?.abandon();
    this.#end(result);
  }

  #end(result: MirrorResult): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    this.#body.clear();
    const { mirrors } = this.#cluster;
    mirrors.hold(-this.#held);
    mirrors.end();
    this.#onOver(result);
  }
}

const NOT_TRIED: readonly string[] = [];

/** The request itself says what its client may send. */
const UNBOUND = { release: (): void => undefined };

function resultOf({ kind }: AttemptOutcome): MirrorResult {
  if (kind === 'connect-failed') return 'unreachable';
  return kind === 'overflow' ? 'overflow' : 'reset';
}
