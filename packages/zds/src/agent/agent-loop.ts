import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { EPOLLIN } from '@ambit/native/epoll';
import { EAGAIN, SystemCallError } from '@ambit/native/errno';
import { acceptSeqpacket, listenSeqpacket } from '@ambit/native/unix-socket';
import type { ReadinessHandler, Reactor } from '@ambit/reactor/reactor';
import { ACCEPTS_PER_SECOND } from '../limits.ts';
import { protocolError } from '../messages.ts';
import { discard, PacketLine } from '../packet-line.ts';
import type { FromAgentThread, Problem, ToAgentThread } from '../thread-messages.ts';
import { PodBook } from './pod-book.ts';
import { AgentSession } from './session.ts';

const BACKLOG = 16;

/** The agent's end on its loop: listens, and keeps the book of pods and proxies. */
export class AgentLoop implements ReadinessHandler {
  readonly #reactor: Reactor;
  readonly #listener: number;
  readonly #book: PodBook;
  /** Connections that may be accepted now. */
  #allowance: number = ACCEPTS_PER_SECOND;
  #admitted = false;

  /** Throws when the path cannot be listened on. A socket that nobody answers any more is replaced. */
  constructor(reactor: Reactor, path: string) {
    this.#reactor = reactor;
    this.#book = new PodBook({
      acknowledged: (uid, serial, error) => this.#post({ kind: 'acknowledged', uid, serial, error }),
      removed: (uid, serial) => this.#post({ kind: 'removed', uid, serial }),
      connectionsReset: (uid, message) => this.#post({ kind: 'connectionsReset', uid, message }),
      proxies: (greeted, synced) => this.#post({ kind: 'proxies', greeted, synced }),
      problem: (problem) => this.#problem(problem),
    });
    removeOldSocket(path);
    this.#listener = listenSeqpacket(path, BACKLOG);
    reactor.adopt(this.#listener);
    // What is sent over it are keys to the pods' networks.
    chmodSync(path, 0o600);
    // Nobody is let in before the owner says so; who connects meanwhile waits in the backlog.
    reactor.register(this.#listener, 0, this);
    this.#post({ kind: 'listening', inode: lstatSync(path).ino });
  }

  receive(message: ToAgentThread): void {
    switch (message.kind) {
      case 'add':
        this.#book.add(message.uid, message);
        return;
      case 'remove':
        this.#book.remove(message.uid, message.serial);
        return;
      case 'admit':
        this.#admitted = true;
        this.#reactor.modify(this.#listener, EPOLLIN);
        return;
    }
  }

  onReady(): void {
    while (this.#admitted && this.#allowance > 0) {
      const connection = acceptSeqpacket(this.#listener);
      if (connection === -EAGAIN) return;
      if (connection < 0) {
        this.#problem(new SystemCallError('accept4', -connection, 'ZDS'));
        return this.#rest();
      }
      this.#allowance -= 1;
      this.#reactor.after(1000, () => this.#restore());
      this.#begin(connection);
    }
    this.#rest();
  }

  destroy(error: AmbitError): void {
    this.#problem(error);
  }

  #begin(connection: number): void {
    const line: PacketLine = new PacketLine(this.#reactor, connection, {
      onPacket: (packet, descriptor) => {
        if (descriptor === undefined) return session.receive(packet);
        discard(descriptor);
        session.close(protocolError('the proxy sent a descriptor'));
      },
      onEnd: (error) => session.close(error),
    });
    const session: AgentSession = new AgentSession(this.#book, line, (milliseconds, run) =>
      this.#reactor.after(milliseconds, run),
    );
  }

  #rest(): void {
    this.#reactor.modify(this.#listener, 0);
    if (this.#allowance > 0)
      this.#reactor.after(1000 / ACCEPTS_PER_SECOND, () => this.#reactor.modify(this.#listener, EPOLLIN));
  }

  #restore(): void {
    this.#allowance += 1;
    this.#reactor.modify(this.#listener, EPOLLIN);
  }

  #problem({ code, message }: Problem): void {
    this.#post({ kind: 'problem', problem: { code, message } });
  }

  #post(message: FromAgentThread): void {
    this.#reactor.post(message);
  }
}

function removeOldSocket(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new AmbitError('AMBIT_ZDS_PATH', `${path} is in the way: it is no socket`, { source: 'configuration' });
  }
  try {
    unlinkSync(path);
  } catch (error) {
    throw new AmbitError('AMBIT_ZDS_PATH', `cannot replace the old socket: ${messageOf(error)}`, {
      source: 'system',
      cause: error,
    });
  }
}
