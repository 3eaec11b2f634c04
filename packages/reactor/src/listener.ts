import type { SocketAddress } from '@ambit/core/address';
import type { AmbitError } from '@ambit/core/errors';
import { EPOLLEXCLUSIVE, EPOLLIN } from '@ambit/native/epoll';
import { EAGAIN, ECONNABORTED, EINVAL, EMFILE, ENFILE, ENOBUFS, ENOMEM } from '@ambit/native/errno';
import { accept4, acceptedPeer, socketError } from '@ambit/native/socket';
import type { DescriptorAccount } from './descriptor-budget.ts';
import { ACCEPTS_PER_TURN, ACCEPT_PAUSE_MS } from './limits.ts';
import type { ReadinessHandler, Reactor } from './reactor.ts';
import type { ReactorTimer } from './timer-wheel.ts';

export interface ListenerHandler {
  /**
   * A connection, adopted by the reactor and owned by the callee from here on: it must not throw once it has handed the
   * descriptor on or closed it. When it throws before that, the connection is closed; the listener goes on in any case.
   */
  onAccept(fd: number, peer: SocketAddress): void;
  /** Out of descriptors or memory: accepting pauses for `ACCEPT_PAUSE_MS`; connections wait in the backlog meanwhile. */
  onAcceptPaused?(error: AmbitError): void;
  /** The listener is of no use any more: it was shut down by whoever owns the descriptor, or is no listener. */
  onListenerEnd?(error: AmbitError | undefined): void;
}

/**
 * Accepts connections of a listening socket that several threads share (EPOLLEXCLUSIVE: each connection wakes one).
 * The descriptor stays the property of whoever made it; `stop` only leaves off listening here. While the account of the
 * connections may take no more of them, they wait in the backlog, and the account says so.
 */
export class Listener implements ReadinessHandler {
  readonly fd: number;
  readonly #reactor: Reactor;
  readonly #handler: ListenerHandler;
  readonly #account: DescriptorAccount | undefined;
  #waits = false;
  #pause: ReactorTimer | undefined;
  #stopped = false;

  constructor(reactor: Reactor, fd: number, handler: ListenerHandler, account?: DescriptorAccount) {
    this.#account = account;
    this.fd = fd;
    this.#reactor = reactor;
    this.#handler = handler;
    reactor.register(fd, EPOLLIN | EPOLLEXCLUSIVE, this);
  }

  onReady(): void {
    for (let count = 0; count < ACCEPTS_PER_TURN && !this.#stopped; count += 1) {
      if (this.#account?.mayAccept === false) {
        this.#waits = true;
        this.#account.waits();
        this.#rest();
        return;
      }
      const connection = accept4(this.fd);
      if (connection < 0) {
        this.#refused(connection);
        return;
      }
      this.#reactor.adopt(connection, this.#account);
      this.#handOver(connection);
    }
  }

  destroy(): void {
    this.stop();
  }

  /** Accepts no more on this thread. Idempotent. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#pause?.cancel();
    this.#waitNoMore();
    this.#reactor.unregister(this.fd);
  }

  #handOver(connection: number): void {
    try {
      this.#handler.onAccept(connection, acceptedPeer());
    } catch (error) {
      this.#reactor.report(error);
      // One that waits for readiness has an owner already, which would later close whatever got the same number.
      if (this.#reactor.handlerOf(connection) === undefined) this.#reactor.close(connection);
    }
  }

  #refused(result: number): void {
    switch (-result) {
      case EAGAIN:
      case ECONNABORTED:
        return;
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        this.#rest();
        this.#handler.onAcceptPaused?.(socketError('accept4', result, `listener ${this.fd}`));
        return;
      case EINVAL:
        // shutdown() on a listening socket: the owner takes it out of service on all threads at once.
        this.stop();
        this.#handler.onListenerEnd?.(undefined);
        return;
      default:
        // Errors of the connection that was to be accepted (accept(2)): the next one may be well.
        if (TRANSIENT.has(-result)) return;
        this.stop();
        this.#handler.onListenerEnd?.(socketError('accept4', result, `listener ${this.fd}`));
    }
  }

  /** Without a pause the loop would spin on a readiness that it cannot serve. An exclusive interest cannot be modified. */
  #rest(): void {
    this.#reactor.unregister(this.fd);
    this.#resumeLater();
  }

  #resumeLater(): void {
    this.#pause = this.#reactor.after(ACCEPT_PAUSE_MS, () => this.#resume());
  }

  #waitNoMore(): void {
    if (!this.#waits) return;
    this.#waits = false;
    this.#account?.waitsNoMore();
  }

  #resume(): void {
    if (this.#waits && this.#account?.mayAccept === false) {
      this.#resumeLater();
      return;
    }
    this.#waitNoMore();
    try {
      this.#reactor.register(this.fd, EPOLLIN | EPOLLEXCLUSIVE, this);
    } catch (error) {
      // Whatever was short is still short.
      this.#reactor.report(error);
      this.#resumeLater();
    }
  }
}

// ENETDOWN, EPROTO, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH, EPERM (a firewall).
const TRANSIENT: ReadonlySet<number> = new Set([100, 71, 92, 112, 64, 113, 95, 101, 1]);
