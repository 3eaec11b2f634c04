import { AmbitError, messageOf } from '@ambit/core/errors';
import { connectSeqpacket } from '@ambit/native/unix-socket';
import type { Reactor } from '@ambit/reactor/reactor';
import { RECONNECT_FIRST_MS, RECONNECT_LONGEST_MS } from '../limits.ts';
import { decodeRequest, encodeAck, encodeHello, protocolError } from '../messages.ts';
import { discard, PacketLine } from '../packet-line.ts';
import type { FromClientThread, ToClientThread } from '../thread-messages.ts';

/**
 * The proxy's end on its loop: connects, greets, passes one request at a time to the main thread and sends its answer.
 * Whatever ends the connection, it connects again; pods are served meanwhile, because the table of pods lives elsewhere.
 */
export class ClientLoop {
  readonly #reactor: Reactor;
  readonly #path: string;
  #line: PacketLine | undefined;
  /** Number of the present connection; answers for an earlier one are dropped. */
  #connection = 0;
  #pause: number = RECONNECT_FIRST_MS;

  constructor(reactor: Reactor, path: string) {
    this.#reactor = reactor;
    this.#path = path;
    this.#connect();
  }

  receive(message: ToClientThread): void {
    if (message.connection !== this.#connection || this.#line === undefined) return;
    switch (message.kind) {
      case 'acknowledge':
        this.#acknowledge(message.error, message.endsSnapshot);
        return;
      case 'drop':
        this.#line.close();
        this.#ended(new AmbitError(message.problem.code, message.problem.message));
        return;
    }
  }

  #connect(): void {
    this.#connection += 1;
    const connection = this.#connection;
    try {
      const line: PacketLine = new PacketLine(this.#reactor, connectSeqpacket(this.#path), {
        onPacket: (packet, descriptor) => this.#request(line, packet, descriptor),
        onEnd: (error) => this.#ended(error ?? new AmbitError('AMBIT_ZDS_CLOSED', 'the agent closed the connection')),
      });
      this.#line = line;
      line.send(encodeHello(), undefined);
      this.#post({ kind: 'connected', connection });
    } catch (error) {
      this.#line?.close();
      this.#line = undefined;
      const message = `cannot reach the node agent at ${this.#path}: ${messageOf(error)}`;
      this.#post({ kind: 'unreachable', problem: { code: 'AMBIT_ZDS_UNREACHABLE', message } });
      this.#connectLater();
    }
  }

  #request(line: PacketLine, packet: Uint8Array, descriptor: number | undefined): void {
    try {
      const request = decodeRequest(packet);
      if (descriptor !== undefined && request.kind !== 'add')
        throw protocolError(`a descriptor came with ${request.kind}`);
      // The answer carries no number, so the next request is read only when this one is answered.
      line.pause();
      this.#post({ kind: 'request', connection: this.#connection, request, namespace: descriptor });
    } catch (error) {
      discard(descriptor);
      line.close();
      this.#ended(error instanceof AmbitError ? error : protocolError(messageOf(error), error));
    }
  }

  #acknowledge(error: string, endsSnapshot: boolean): void {
    const line = this.#line;
    if (line === undefined) return;
    try {
      line.send(encodeAck(error), undefined);
      if (endsSnapshot) this.#pause = RECONNECT_FIRST_MS;
      line.resume();
    } catch (thrown) {
      line.close();
      this.#ended(thrown instanceof AmbitError ? thrown : protocolError(messageOf(thrown), thrown));
    }
  }

  #ended({ code, message }: AmbitError): void {
    this.#line = undefined;
    this.#post({ kind: 'disconnected', connection: this.#connection, problem: { code, message } });
    this.#connectLater();
  }

  #connectLater(): void {
    this.#reactor.after(this.#pause, () => this.#connect());
    this.#pause = Math.min(this.#pause * 2, RECONNECT_LONGEST_MS);
  }

  #post(message: FromClientThread): void {
    this.#reactor.post(message);
  }
}
