import { AmbitError, messageOf } from '@ambit/core/errors';
import { reasonField } from '@ambit/hbone/reason';
import { HboneServer } from '@ambit/hbone/server';
import type { HbonePool } from '@ambit/hbone/pool';
import type { TunnelObserver } from '@ambit/hbone/observer';
import type { Credentials } from '@ambit/proxy/credentials';
import { KEEPALIVE } from '@ambit/proxy/keepalive';
import { setKeepalive } from '@ambit/native/socket-option';
import { Listener, type ListenerHandler } from '@ambit/reactor/listener';
import { APPLY_BUDGET_MS, REVOKED_GRACE_MS } from '../limits.ts';
import type { Command, Report } from '../messages.ts';
import type { DataThreadContext } from './context.ts';
import { Rebalancing } from './rebalancing.ts';
import { TunnelDoor } from './tunnel-door.ts';
import type { Upstreams } from './upstreams.ts';

/** How often a thread that drains looks whether something is left, milliseconds. */
const DRAIN_LOOK_MS = 50;

/** How long before the deadline of a drain idle connections are ended, milliseconds. */
const FAREWELL_MS = 500;

export interface DataPlaneParts {
  readonly thread: DataThreadContext;
  readonly credentials: Credentials;
  readonly upstreams: Upstreams;
  readonly pool: HbonePool;
  readonly observer: TunnelObserver;
  readonly trustDomains: ReadonlySet<string>;
  /** Monotonic milliseconds, read anew at each call. */
  readonly clockNow: () => number;
  /** Called once, when everything is known that is needed to serve. */
  readonly beforeListening: () => void;
}

/** What the control side tells a data thread, and the listener at which tunnels arrive. */
export class DataPlane {
  readonly #parts: DataPlaneParts;
  readonly #thread: DataThreadContext;
  readonly #server: HboneServer;
  readonly #rebalancing: Rebalancing;
  #listener: Listener | undefined;
  #applying = false;
  /** Requests under way are going to be judged again. */
  #judging = false;
  #reported = 0;
  /** Services wait for the batch of the mesh that was sent before them. */
  readonly #held: (() => void)[] = [];

  constructor(parts: DataPlaneParts) {
    this.#parts = parts;
    const { thread, credentials, observer, trustDomains } = parts;
    this.#thread = thread;
    this.#rebalancing = new Rebalancing(thread, parts.upstreams.client);
    const door = new TunnelDoor(thread);
    this.#server = new HboneServer(thread.reactor, {
      context: () => credentials.get(thread.principal)?.server,
      trustDomains,
      observer,
      onTunnel: (tunnel) => {
        try {
          door.enter(tunnel);
        } catch (thrown) {
          thread.reactor.report(thrown);
          tunnel.refuse(503, reasonField('AMBIT_INTERNAL'));
        }
      },
    });
  }

  /** Connections and requests under way. */
  get load(): number {
    const { connections, opaque } = this.#thread;
    let load = this.#server.connections + connections.size + opaque.size;
    for (const connection of connections) load += connection.active;
    return load;
  }

  handle(command: Command): void {
    const { thread, credentials, clockNow } = this.#parts;
    switch (command.kind) {
      case 'resources':
        thread.store.enqueue(command.batch);
        this.#applyResources();
        return;
      case 'services':
        this.#whenMeshIsWhole(() => {
          this.#answer(command.ticket, () => {
            this.#parts.upstreams.states.install(command.memory);
            thread.services.rateLimits.install(command.buckets);
            for (const service of command.changed) thread.services.put(service);
            for (const name of command.removed) thread.services.remove(name);
            this.#parts.upstreams.states.forget(command.forgotten);
            thread.services.rateLimits.forget(command.forgottenBuckets);
            this.#reconsider();
          });
        });
        return;
      case 'client-certificates':
        this.#answer(command.ticket, () => {
          for (const certificate of command.changed) this.#parts.upstreams.tls.put(certificate);
          for (const name of command.removed) this.#parts.upstreams.tls.remove(name);
        });
        return;
      case 'token-keys':
        thread.tokens.apply(command);
        return;
      case 'give-way':
        this.#parts.upstreams.states.giveWay(command.cluster);
        return;
      case 'certificate':
        credentials.install(command.certificate);
        return;
      case 'forget-certificate':
        credentials.forget(command.identity);
        return;
      case 'listen':
        this.#listen(command.fd);
        return;
      case 'drain':
        this.#drain(command.deadline, command.ticket);
        return;
      case 'scrape':
        thread.requestLog.flush();
        this.#post({ kind: 'scraped', ticket: command.ticket, ...thread.metrics.snapshot() });
        return;
      case 'spans-taken':
        thread.tracer.spans.taken();
        return;
      case 'stall': {
        const end = clockNow() + command.milliseconds;
        while (clockNow() < end);
        return;
      }
    }
  }

  #listen(fd: number): void {
    const { reactor, account } = this.#thread;
    this.#parts.beforeListening();
    const handler: ListenerHandler = {
      onAccept: (connection, peer) => {
        setKeepalive(connection, KEEPALIVE);
        this.#server.accept(connection, peer);
      },
      onAcceptPaused: (error) => {
        reactor.report(error);
      },
    };
    this.#listener = new Listener(reactor, fd, handler, account);
  }

  #whenMeshIsWhole(run: () => void): void {
    if (this.#applying) this.#held.push(run);
    else run();
  }

  #applyResources(): void {
    if (this.#applying) return;
    const { thread, clockNow } = this.#parts;
    const more = thread.store.applySlice(APPLY_BUDGET_MS, clockNow);
    this.#react();
    if (!more) {
      for (const run of this.#held.splice(0)) run();
      return;
    }
    this.#applying = true;
    thread.reactor.defer(() => {
      this.#applying = false;
      this.#applyResources();
    });
  }

  /** What lives on from earlier decisions follows the change. */
  #react(): void {
    const { thread, upstreams, pool } = this.#parts;
    const changes = thread.store.takeChanges();
    if (changes !== undefined) {
      for (const uid of changes.retiredWorkloads) {
        thread.choice.quarantine.forget(uid);
        upstreams.retire(uid);
        // A new version of it goes on with what the old one has earned.
        if (thread.store.workloads.byUid(uid) === undefined) upstreams.states.forgetEndpoint(uid);
        pool.retireWorkload(uid);
        thread.metrics.workloadRemoved(uid);
      }
    }
    this.#rebalancing.look();
    if (thread.store.generation > this.#reported) {
      this.#reported = thread.store.generation;
      this.#post({ kind: 'applied', generation: thread.store.generation });
    }
  }

  /** Judges again what was allowed and lasts; requests that will soon be over are left to their end. */
  #reconsider(): void {
    const { opaque, switched, connections, reactor } = this.#thread;
    this.#judgeAgain([...opaque, ...switched]);
    if (this.#judging) return;
    this.#judging = true;
    reactor.after(REVOKED_GRACE_MS, () => {
      this.#judging = false;
      this.#judgeAgain([...connections]);
    });
  }

  /** What goes wrong with one must not keep the others from being judged. */
  #judgeAgain(all: readonly { reconsider(): void }[]): void {
    for (const lasting of all) {
      try {
        lasting.reconsider();
      } catch (error) {
        this.#thread.reactor.report(error);
      }
    }
  }

  #drain(deadline: number, ticket: number): void {
    const { thread, pool } = this.#parts;
    const { reactor, connections, opaque } = thread;
    this.#listener?.stop();
    this.#rebalancing.stop();
    // Peers open no new tunnels here; what runs in open ones ends request by request.
    this.#server.drain();
    for (const connection of [...connections]) connection.drain();
    const end = reactor.now + deadline;
    const look = (): void => {
      // Those that no request came for get an orderly end while there is time for it.
      if (reactor.now >= end - FAREWELL_MS) for (const connection of [...connections]) connection.endIdle();
      if ((connections.size > 0 || opaque.size > 0) && reactor.now < end) {
        reactor.after(DRAIN_LOOK_MS, look);
        return;
      }
      const error = new AmbitError(
        'AMBIT_DRAINED',
        'the waypoint ends and the connection was still open at the deadline',
      );
      for (const connection of [...connections]) connection.destroy(error);
      for (const connection of [...opaque]) connection.destroy(error);
      this.#server.destroy();
      pool.destroy();
      thread.requestLog.flush();
      thread.tracer.spans.flush();
      this.#post({ kind: 'done', ticket });
    };
    reactor.after(DRAIN_LOOK_MS, look);
  }

  #answer(ticket: number, run: () => void): void {
    try {
      run();
      this.#post({ kind: 'done', ticket });
    } catch (error) {
      this.#post({ kind: 'done', ticket, error: messageOf(error) });
    }
  }

  #post(report: Report): void {
    this.#thread.reactor.post(report);
  }
}
