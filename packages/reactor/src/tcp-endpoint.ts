import { EPOLLIN } from '@ambit/native/epoll';
import { EAGAIN } from '@ambit/native/errno';
import { recv, send, SHUT_WR, shutdown, socketError } from '@ambit/native/socket';
import type { ByteEndpointHandler, DuplexEndpoint } from './endpoint.ts';
import { READ_BUFFER_BYTES, READ_BYTES_PER_TURN } from './limits.ts';
import type { Reactor } from './reactor.ts';
import { StreamEndpoint } from './stream-endpoint.ts';

/** A plain TCP connection: the twin of `TlsEndpoint` without TLS. */
export class TcpEndpoint extends StreamEndpoint implements DuplexEndpoint {
  #outputEnd: 'open' | 'wanted' | 'sent' = 'open';

  /** Takes an adopted, connected descriptor. `onOpen` is called at the end of this turn. */
  constructor(reactor: Reactor, fd: number, handler: ByteEndpointHandler) {
    super(reactor, fd, handler);
    reactor.register(fd, EPOLLIN, this);
    reactor.defer(() => {
      if (this.state === 'opening') this.open();
    });
  }

  handTo(handler: ByteEndpointHandler): void {
    this.handler = handler;
  }

  endOutput(): void {
    if (this.#outputEnd !== 'open') return;
    this.#outputEnd = 'wanted';
    // The FIN stands behind what was written, also before the connection was open.
    if (this.state === 'opening' || this.state === 'open') this.reactor.flushLater(this);
  }

  protected override pull(): void {
    const { scratch } = this.reactor;
    let total = 0;
    for (;;) {
      const count = recv(this.fd, scratch.address, READ_BUFFER_BYTES);
      if (count <= 0) {
        if (count === 0) this.peerHasEnded();
        else if (count !== -EAGAIN) this.destroy(socketError('recv', count, 'connection'));
        return;
      }
      this.deliver(0, count);
      total += count;
      // A short read has emptied the socket; a long series of full ones must leave time for others.
      if (count < READ_BUFFER_BYTES || total >= READ_BYTES_PER_TURN || !this.reading || !this.canRead()) return;
    }
  }

  protected override push(): void {
    const { output } = this;
    const waiting = output.waiting;
    if (waiting > 0) {
      const count = send(this.fd, output.address + output.start, waiting);
      if (count < 0 && count !== -EAGAIN) {
        this.destroy(socketError('send', count, 'connection'));
        return;
      }
      if (count > 0) {
        output.start += count;
        this.bytesSent += count;
      }
      if (count < waiting) {
        this.setCongested(true);
        return;
      }
    }
    this.drained();
  }

  protected override drained(): void {
    super.drained();
    if (this.#outputEnd === 'wanted' && this.state === 'open' && this.output.waiting === 0) this.#sendFin();
  }

  protected override peerHasEnded(): void {
    super.peerHasEnded();
    if (this.#outputEnd === 'sent') this.destroy();
  }

  #sendFin(): void {
    this.#outputEnd = 'sent';
    const result = shutdown(this.fd, SHUT_WR);
    if (result < 0) this.destroy(socketError('shutdown', result, 'connection'));
    else if (this.peerEnded) this.destroy();
  }

  protected override farewell(): void {
    // TCP's own goodbye is the FIN that follows.
  }

  protected override release(): void {
    // Nothing beside the descriptor.
  }
}
