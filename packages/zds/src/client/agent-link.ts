import type { Clock, Timer } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { connectSeqpacket } from '@ambit/native/unix-socket';
import { RECONNECT_FIRST_MS, RECONNECT_LONGEST_MS } from '../limits.ts';
import {
  decodeRequest,
  encodeAck,
  encodeConnectionsReset,
  encodeHello,
  protocolError,
  type ZdsRequest,
} from '../messages.ts';
import { discard, PacketLine } from '../packet-line.ts';
import type { Problem } from '../thread-messages.ts';
import { SignalledLoop } from './signalled-loop.ts';

/** Who answers the agent. */
export interface LinkOwner {
  onConnected(): void;
  /** To be answered with `acknowledge` or `drop` and the same `connection`. The descriptor is the owner's. */
  onRequest(connection: number, request: ZdsRequest, namespace: number | undefined): void;
  onDisconnected(problem: Problem): void;
  /** An attempt to connect failed; the next one follows after a pause. */
  onUnreachable(problem: Problem): void;
}

/**
 * The proxy's connection to the agent: connects, greets, passes one request at a time to the owner and sends its answer.
 * Whatever ends the connection, it connects again; pods are served meanwhile, because the table of pods lives elsewhere.
 */
export class AgentLink {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #owner: LinkOwner;
  readonly #loop = new SignalledLoop();
  #line: PacketLine | undefined;
  /** Number of the present connection; answers for an earlier one are dropped. */
  #connection = 0;
  /** The agent of this connection has said what only ours says, so that it reads what only we write. */
  #kindred = false;
  #pause: number = RECONNECT_FIRST_MS;
  #attempt: Timer;

  /** The owner is called only after the constructor has returned. */
  constructor(path: string, clock: Clock, owner: LinkOwner) {
    this.#path = path;
    this.#clock = clock;
    this.#owner = owner;
    this.#attempt = clock.setTimeout(() => this.#connect(), 0);
  }

  /** Answers the outstanding request; an empty `error` means success. */
  acknowledge(connection: number, error: string, options: { readonly endsSnapshot: boolean }): void {
    const line = this.#line;
    if (connection !== this.#connection || line === undefined) return;
    try {
      line.send(encodeAck(error), undefined);
      if (options.endsSnapshot) this.#pause = RECONNECT_FIRST_MS;
      line.resume();
    } catch (thrown) {
      line.close();
      this.#ended(thrown instanceof AmbitError ? thrown : protocolError(messageOf(thrown), thrown));
    }
  }

  /** Tells an agent that can read it; nothing waits for it. */
  tellConnectionsReset(uid: string, message: string): void {
    const line = this.#line;
    if (!this.#kindred || line === undefined) return;
    try {
      line.send(encodeConnectionsReset(uid, message), undefined);
    } catch (thrown) {
      line.close();
      this.#ended(thrown instanceof AmbitError ? thrown : protocolError(messageOf(thrown), thrown));
    }
  }

  /** Ends the connection instead of answering, because the agent broke the protocol. */
  drop(connection: number, message: string): void {
    if (connection !== this.#connection || this.#line === undefined) return;
    this.#line.close();
    this.#ended(protocolError(message));
  }

  /** Leaves the agent for good. */
  close(): void {
    this.#attempt.cancel();
    this.#line?.close();
    this.#line = undefined;
  }

  #connect(): void {
    this.#connection += 1;
    this.#kindred = false;
    try {
      const line: PacketLine = new PacketLine(this.#loop, connectSeqpacket(this.#path), {
        onPacket: (packet, descriptor) => this.#request(line, packet, descriptor),
        onEnd: (error) => this.#ended(error ?? new AmbitError('AMBIT_ZDS_CLOSED', 'the agent closed the connection')),
      });
      this.#line = line;
      line.send(encodeHello(), undefined);
    } catch (error) {
      this.#line?.close();
      this.#line = undefined;
      const message = `cannot reach the node agent at ${this.#path}: ${messageOf(error)}`;
      this.#connectLater();
      this.#owner.onUnreachable({ code: 'AMBIT_ZDS_UNREACHABLE', message });
      return;
    }
    this.#owner.onConnected();
  }

  #request(line: PacketLine, packet: Uint8Array, descriptor: number | undefined): void {
    let request: ZdsRequest;
    try {
      request = decodeRequest(packet);
      if (descriptor !== undefined && request.kind !== 'add')
        throw protocolError(`a descriptor came with ${request.kind}`);
    } catch (error) {
      discard(descriptor);
      line.close();
      this.#ended(error instanceof AmbitError ? error : protocolError(messageOf(error), error));
      return;
    }
    if (request.kind === 'add' && request.plaintextRedirected) this.#kindred = true;
    // The answer carries no number, so the next request is read only when this one is answered.
    line.pause();
    this.#owner.onRequest(this.#connection, request, descriptor);
  }

  #ended({ code, message }: AmbitError): void {
    this.#line = undefined;
    this.#connectLater();
    this.#owner.onDisconnected({ code, message });
  }

  #connectLater(): void {
    this.#attempt = this.#clock.setTimeout(() => this.#connect(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, RECONNECT_LONGEST_MS);
  }
}
