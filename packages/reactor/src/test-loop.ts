import { systemClock } from '@ambit/core/clock';
import type { AmbitError } from '@ambit/core/errors';
import { EINPROGRESS } from '@ambit/native/errno';
import { openTcpListener } from '@ambit/native/listening-socket';
import { accept4, connect, localAddress, openTcpSocket, socketError } from '@ambit/native/socket';
import { AF_INET } from '@ambit/native/socket-address';
import { setNoDelay } from '@ambit/native/socket-option';
import { untilReadable } from '@ambit/native/test-readiness';
import { Reactor } from './reactor.ts';

/** For tests: a loop on this thread that collects what went wrong. */
export class TestLoop {
  readonly errors: AmbitError[] = [];
  readonly reactor: Reactor = new Reactor({ clock: systemClock, onError: (error) => this.errors.push(error) });

  /** Runs turns until `condition` holds; throws after `milliseconds`. */
  until(condition: () => boolean, milliseconds = 5000): void {
    const end = systemClock.now() + milliseconds;
    while (!condition()) {
      if (systemClock.now() > end) throw new Error(`not so after ${milliseconds} ms: ${condition.toString()}`);
      this.reactor.runTurn(20);
    }
  }

  /** Runs turns for a while. */
  pass(milliseconds: number): void {
    const end = systemClock.now() + milliseconds;
    while (systemClock.now() < end) this.reactor.runTurn(5);
  }

  /** Two connected TCP descriptors, both adopted. */
  tcpPair(): readonly [number, number] {
    const opened: number[] = [];
    const own = (fd: number): number => {
      if (fd < 0) throw socketError('accept4', fd, 'test');
      this.reactor.adopt(fd);
      opened.push(fd);
      return fd;
    };
    try {
      const listener = own(openTcpListener({ address: { ip: '127.0.0.1', port: 0 } }));
      const client = own(openTcpSocket(AF_INET));
      const result = connect(client, localAddress(listener));
      if (result < 0 && result !== -EINPROGRESS) throw socketError('connect', result, 'test');
      untilReadable(listener);
      const server = own(accept4(listener));
      this.reactor.close(listener);
      setNoDelay(client);
      setNoDelay(server);
      return [client, server];
    } catch (error) {
      for (const fd of opened) this.reactor.close(fd);
      throw error;
    }
  }
}
