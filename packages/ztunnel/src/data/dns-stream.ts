import { AmbitError } from '@ambit/core/errors';
import { TcpEndpoint } from '@ambit/reactor/tcp-endpoint';
import type { Reactor } from '@ambit/reactor/reactor';
import type { ReactorTimer } from '@ambit/reactor/timer-wheel';
import { DNS_TCP_IDLE } from '../limits.ts';

export interface DnsStreamHandler {
  /** One message. `reply` may be called later, once, in any order (RFC 7766 6.2.1.1). */
  onQuery(query: Buffer, reply: (answer: Buffer) => void): void;
  onClose(): void;
}

/** A DNS connection over TCP: messages with two bytes of length before each (RFC 1035 4.2.2). */
export class DnsStream {
  readonly #endpoint: TcpEndpoint;
  readonly #reactor: Reactor;
  readonly #handler: DnsStreamHandler;
  #pending: Buffer = Buffer.alloc(0);
  #idle: ReactorTimer | undefined;
  #closed = false;

  /** Takes ownership of `fd`, which the loop has adopted. */
  constructor(reactor: Reactor, fd: number, handler: DnsStreamHandler) {
    this.#reactor = reactor;
    this.#handler = handler;
    this.#endpoint = new TcpEndpoint(reactor, fd, {
      onOpen: () => {
        this.#restartIdle();
      },
      onBytes: (bytes, _address, start, end) => {
        this.#receive(bytes.subarray(start, end));
      },
      onEnd: () => {
        this.#endpoint.end();
      },
      onRoom: () => undefined,
      onClose: () => {
        this.#closed = true;
        this.#idle?.cancel();
        handler.onClose();
      },
    });
  }

  /** Writes one message; dropped when the connection is gone or does not take it. */
  send(message: Buffer): void {
    const { output } = this.#endpoint;
    if (this.#closed || message.length > 0xffff || !output.room(message.length + 2)) return;
    output.bytes.writeUInt16BE(message.length, output.end);
    message.copy(output.bytes, output.end + 2);
    output.end += message.length + 2;
  }

  destroy(): void {
    this.#endpoint.destroy();
  }

  #receive(bytes: Buffer): void {
    this.#restartIdle();
    // At most one message of 64 KiB is held: a longer rest is taken apart at once.
    let rest = Buffer.concat([this.#pending, bytes]);
    while (rest.length >= 2) {
      const length = rest.readUInt16BE(0);
      if (rest.length < 2 + length) break;
      const message = rest.subarray(2, 2 + length);
      rest = rest.subarray(2 + length);
      this.#handler.onQuery(message, (answer) => {
        this.send(answer);
      });
      if (this.#closed) return;
    }
    this.#pending = rest;
  }

  #restartIdle(): void {
    this.#idle?.cancel();
    this.#idle = this.#reactor.after(DNS_TCP_IDLE, () => {
      this.#endpoint.destroy(new AmbitError('AMBIT_DNS_IDLE', `no query for ${DNS_TCP_IDLE} ms`));
    });
  }
}
