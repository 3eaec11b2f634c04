import { type IpAddress, type SocketAddress, formatSocketAddress } from '@ambit/core/address';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { EPOLLOUT } from '@ambit/native/epoll';
import { EADDRNOTAVAIL, EINPROGRESS, ETIMEDOUT } from '@ambit/native/errno';
import { inNamespace } from '@ambit/native/namespace';
import { bind, connect, openTcpSocket, socketError } from '@ambit/native/socket';
import { familyOf } from '@ambit/native/socket-address';
import {
  type Keepalive,
  setBindAddressNoPort,
  setKeepalive,
  setLocalPort,
  setMark,
  setNoDelay,
  setTransparent,
  setUserTimeout,
  takeError,
} from '@ambit/native/socket-option';
import type { DescriptorAccount } from './descriptor-budget.ts';
import { CONNECT_TIMEOUT_MS } from './limits.ts';
import type { ReadinessHandler, Reactor } from './reactor.ts';
import type { ReactorTimer } from './timer-wheel.ts';

export interface TcpConnectOptions {
  readonly destination: SocketAddress;
  /** The network namespace the connection belongs to. Default: the thread's own. */
  readonly namespace?: number;
  /**
   * The destination is in that namespace too. Such a connection usually stands when connect returns, which is looked at
   * once before the loop is asked to wait for it. Default false.
   */
  readonly local?: boolean;
  /** SO_MARK. */
  readonly mark?: number;
  /** Makes the connection come from another address than the namespace's own (IP_TRANSPARENT). */
  readonly source?:
    | {
        readonly ip: IpAddress;
        /** False: connect with the own address when the foreign one cannot be bound. */
        readonly required: boolean;
      }
    | undefined;
  /**
   * The port it comes from when that is free for this destination (and Linux is 6.3 or newer), any other one otherwise.
   * 0 or undefined: whichever is free.
   */
  readonly localPort?: number | undefined;
  readonly keepalive?: Keepalive;
  /** TCP_USER_TIMEOUT in milliseconds. */
  readonly userTimeoutMs?: number;
  /** Default `CONNECT_TIMEOUT_MS`. */
  readonly timeoutMs?: number;
  /** For whom the descriptor counts; one that may take no more is refused with `AMBIT_DESCRIPTORS`. Default: nobody. */
  readonly account?: DescriptorAccount | undefined;
}

export interface TcpConnectHandler {
  /**
   * The connected descriptor, adopted by the reactor: register another handler for it, or close it. When this throws before
   * it did either, the descriptor is closed.
   */
  onConnected(fd: number): void;
  /** `AMBIT_DESCRIPTORS`, or `SystemCallError` of socket, setsockopt, bind, setns or connect (ETIMEDOUT also for our own timeout). */
  onConnectFailed(error: AmbitError): void;
}

export interface PendingConnect {
  /** Gives up; neither callback comes. Idempotent, and without effect when one came already. */
  cancel(): void;
}

/** Connects without blocking. Both callbacks come in a later call of the loop, never from within this function. */
export function connectTcp(reactor: Reactor, options: TcpConnectOptions, handler: TcpConnectHandler): PendingConnect {
  return new TcpConnect(reactor, options, handler);
}

/** EALREADY: the connect is still under way. */
const EALREADY = 114;

class TcpConnect implements ReadinessHandler, PendingConnect {
  readonly #reactor: Reactor;
  readonly #options: TcpConnectOptions;
  readonly #handler: TcpConnectHandler;
  #timer: ReactorTimer | undefined;
  #fd = -1;
  #settled = false;
  #standing = false;

  constructor(reactor: Reactor, options: TcpConnectOptions, handler: TcpConnectHandler) {
    this.#reactor = reactor;
    this.#options = options;
    this.#handler = handler;
    if (options.account?.mayDial === false) {
      const refusal = options.account.refusal();
      reactor.defer(() => this.#fail(refusal));
      return;
    }
    try {
      this.#fd = options.namespace === undefined ? this.#start() : inNamespace(options.namespace, () => this.#start());
      if (!this.#standing) reactor.register(this.#fd, EPOLLOUT, this);
    } catch (error) {
      reactor.defer(() => this.#fail(asAmbitError(error)));
      return;
    }
    if (this.#standing) {
      reactor.defer(() => {
        this.#connected();
      });
      return;
    }
    this.#timer = reactor.after(options.timeoutMs ?? CONNECT_TIMEOUT_MS, () => this.#fail(this.#error(-ETIMEDOUT)));
  }

  onReady(): void {
    if (this.#settled) {
      // The owner of the descriptor has not registered a handler of its own yet.
      this.#reactor.modify(this.#fd, 0);
      return;
    }
    const errno = takeError(this.#fd);
    if (errno !== 0) {
      this.#fail(this.#error(-errno));
      return;
    }
    this.#connected();
  }

  destroy(error: AmbitError): void {
    this.#fail(error);
  }

  cancel(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#timer?.cancel();
    if (this.#fd >= 0) this.#reactor.close(this.#fd);
  }

  #connected(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#timer?.cancel();
    const fd = this.#fd;
    const registered = this.#reactor.handlerOf(fd);
    try {
      this.#handler.onConnected(fd);
    } catch (error) {
      // Nobody took it.
      if (this.#reactor.handlerOf(fd) === registered) this.#reactor.close(fd);
      this.#reactor.report(error);
    }
  }

  #fail(error: AmbitError): void {
    if (this.#settled) return;
    this.cancel();
    this.#handler.onConnectFailed(error);
  }

  #start(): number {
    const { destination, local, mark, source, localPort = 0, keepalive, userTimeoutMs } = this.#options;
    const fd = openTcpSocket(familyOf(destination.ip));
    this.#reactor.adopt(fd, this.#options.account);
    try {
      setNoDelay(fd);
      if (mark !== undefined) setMark(fd, mark);
      if (keepalive !== undefined) setKeepalive(fd, keepalive);
      if (userTimeoutMs !== undefined) setUserTimeout(fd, userTimeoutMs);
      if (source !== undefined) this.#comeFrom(fd, source.ip, source.required);
      const named = localPort !== 0 && setLocalPort(fd, localPort);
      let result = connect(fd, destination);
      if (result === -EADDRNOTAVAIL && named) {
        setLocalPort(fd, 0);
        result = connect(fd, destination);
      }
      if (result === -EINPROGRESS && local === true) result = connect(fd, destination);
      if (result < 0 && result !== -EINPROGRESS && result !== -EALREADY) throw this.#error(result);
      this.#standing = result === 0;
      return fd;
    } catch (error) {
      this.#reactor.close(fd);
      throw error;
    }
  }

  #comeFrom(fd: number, ip: IpAddress, required: boolean): void {
    const family = familyOf(ip);
    try {
      // Also lets an address be bound that no interface has.
      setTransparent(fd, family);
      setBindAddressNoPort(fd);
      bind(fd, { ip, port: 0 });
    } catch (error) {
      if (required) throw error;
    }
  }

  #error(result: number): AmbitError {
    return socketError('connect', result, formatSocketAddress(this.#options.destination));
  }
}

function asAmbitError(thrown: unknown): AmbitError {
  return thrown instanceof AmbitError ? thrown : new AmbitError('AMBIT_CONNECT', messageOf(thrown), { cause: thrown });
}
