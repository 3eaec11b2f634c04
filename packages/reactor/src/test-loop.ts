import { systemClock } from '@ambit/core/clock';
import type { AmbitError } from '@ambit/core/errors';
import { openTcpListener } from '@ambit/native/listening-socket';
import { accept4, connect, localAddress, openTcpSocket } from '@ambit/native/socket';
import { AF_INET } from '@ambit/native/socket-address';
import { close } from '@ambit/native/descriptor';
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
    const listener = openTcpListener({ address: { ip: '127.0.0.1', port: 0 } });
    const client = openTcpSocket(AF_INET);
    connect(client, localAddress(listener));
    untilReadable(listener);
    const server = accept4(listener);
    close(listener);
    this.reactor.adopt(client);
    this.reactor.adopt(server);
    return [client, server];
  }
}
