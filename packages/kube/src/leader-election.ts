import type { Clock, Timer } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import { messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import { type KubeClient, KubeError } from './client.ts';
import { type Lease, type LeaseSpec, microTime } from './lease.ts';
import {
  ELECTION_JITTER,
  LEASE_DURATION_MAX_MS,
  LEASE_DURATION_MS,
  RENEW_DEADLINE_MS,
  RETRY_PERIOD_MS,
} from './limits.ts';
import { Pause, within } from './pause.ts';
import { uniform } from './random.ts';
import { LEASES } from './resource.ts';
import { TroubleLog } from './trouble-log.ts';

export interface LeaderElectionOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** Of this process; no other may have the same at the same time. */
  readonly identity: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** What it throws is logged. */
  readonly onChange: (leading: boolean) => void;
  /** Milliseconds after which others may take over a Lease that was not renewed; whole seconds. Default 15,000. */
  readonly leaseDuration?: number;
  /** Milliseconds after the last renewal at which the leader steps down. Default 10,000; less than `leaseDuration`. */
  readonly renewDeadline?: number;
  /** Milliseconds between attempts. Default 2,000; less than `renewDeadline`. */
  readonly retryPeriod?: number;
  /** In [0, 1), for jitter. Default: the system's. */
  readonly random?: () => number;
}

/**
 * One of several processes leads, as long as it renews a Lease in time. As in client-go: how old a renewal is goes by the
 * own clock since it was first seen, never by the times in the Lease, so that clocks may differ; and writes carry the
 * resourceVersion, so that of two that take over at once only one succeeds. Two can lead at once only when a process is
 * stopped longer than `leaseDuration - renewDeadline` between asking `leading` and acting on it.
 */
export class LeaderElection implements Drainable {
  readonly #options: LeaderElectionOptions;
  readonly #leaseDuration: number;
  readonly #renewDeadline: number;
  readonly #retryPeriod: number;
  readonly #random: () => number;
  readonly #pause: Pause;
  readonly #trouble: TroubleLog;
  #running: Promise<void> | undefined;
  #closed = false;
  #told = false;
  /** The Lease as last seen, and when that state of it was first seen. */
  #seen: { readonly lease: Lease; readonly at: number } | undefined;
  /** When the last successful renewal was begun. */
  #renewedAt = -Infinity;
  #stepDown: Timer | undefined;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#leaseDuration = Math.max(1_000, options.leaseDuration ?? LEASE_DURATION_MS);
    this.#renewDeadline = Math.min(options.renewDeadline ?? RENEW_DEADLINE_MS, this.#leaseDuration);
    this.#retryPeriod = Math.min(options.retryPeriod ?? RETRY_PERIOD_MS, this.#renewDeadline);
    this.#random = options.random ?? uniform;
    this.#pause = new Pause(options.clock);
    this.#trouble = new TroubleLog(options.log, {
      failing: 'Lease cannot be read or written',
      over: 'Lease can be read and written again',
    });
  }

  /** False as soon as the last renewal is too old, even if nothing could be called meanwhile. */
  get leading(): boolean {
    return this.#told && this.#isFresh();
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Steps down, then gives the Lease back, so that another can lead at once. */
  async close({ deadline }: { deadline: number }): Promise<void> {
    const { clock } = this.#options;
    const held = this.leading;
    this.destroy();
    const begun = clock.now();
    // A renewal under way would change the Lease beneath the release.
    if (!(await within(clock, this.#running ?? Promise.resolve(), deadline))) return;
    const left = begun + deadline - clock.now();
    if (held && left > 0) await this.#release(left);
  }

  /** Steps down; the Lease runs out. */
  destroy(_error?: Error): void {
    this.#closed = true;
    this.#pause.end();
    this.#tell(false);
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#isClosed()) {
      const begun = clock.now();
      const held = await this.#attempt();
      if (this.#isClosed()) return;
      if (held) this.#renewed(begun);
      else if (this.#seen !== undefined && this.#holder() !== this.#options.identity) this.#tell(false);
      const wait = this.#told ? this.#retryPeriod : this.#retryPeriod * (1 + ELECTION_JITTER * this.#random());
      await this.#pause.wait(wait);
    }
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  /** Whether the Lease is ours now. Never rejects. */
  async #attempt(): Promise<boolean> {
    try {
      const held = await this.#acquireOrRenew();
      this.#trouble.over(this.#fields());
      return held;
    } catch (error) {
      // Somebody else was faster.
      if (!(error instanceof KubeError) || error.code !== 'AMBIT_KUBE_CONFLICT') {
        this.#trouble.note(error, this.#fields());
      }
      return false;
    }
  }

  async #acquireOrRenew(): Promise<boolean> {
    const { identity } = this.#options;
    if (this.leading && this.#seen !== undefined && this.#holder() === identity) {
      try {
        return await this.#write(this.#seen.lease);
      } catch (error) {
        // Somebody else wrote, or our last write did arrive although its answer did not: look.
        if (!(error instanceof KubeError) || !['AMBIT_KUBE_CONFLICT', 'AMBIT_KUBE_NOT_FOUND'].includes(error.code))
          throw error;
      }
    }
    const lease = await this.#read();
    if (lease === undefined) return this.#create();
    this.#see(lease);
    if (this.#heldByOther()) return false;
    return this.#write(lease);
  }

  async #read(): Promise<Lease | undefined> {
    const { client, name, namespace } = this.#options;
    try {
      return await client.get<Lease>(LEASES, name, namespace, this.#limits());
    } catch (error) {
      if (error instanceof KubeError && error.status === 404) return undefined;
      throw error;
    }
  }

  async #create(): Promise<boolean> {
    const { client, name, namespace } = this.#options;
    const metadata = { name, namespace };
    const spec = this.#spec(undefined);
    this.#see(
      await client.create<Lease>(
        LEASES,
        { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec },
        this.#limits(),
      ),
    );
    return true;
  }

  async #write(lease: Lease): Promise<boolean> {
    const { client } = this.#options;
    this.#see(await client.replace<Lease>(LEASES, { ...lease, spec: this.#spec(lease.spec) }, this.#limits()));
    return true;
  }

  #spec(before: LeaseSpec | undefined): LeaseSpec {
    const { clock, identity } = this.#options;
    const now = microTime(clock.wallTime());
    const ours = before?.holderIdentity === identity;
    return {
      ...before,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.#leaseDuration / 1_000),
      acquireTime: ours ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: before === undefined ? 0 : (before.leaseTransitions ?? 0) + (ours ? 0 : 1),
    };
  }

  /** A state of the Lease that was not seen before is as old as its first sight. */
  #see(lease: Lease): void {
    const known = this.#seen?.lease.metadata;
    if (known?.resourceVersion === lease.metadata.resourceVersion && known?.uid === lease.metadata.uid) return;
    this.#seen = { lease, at: this.#options.clock.now() };
  }

  #holder(): string {
    return this.#seen?.lease.spec?.holderIdentity ?? '';
  }

  #heldByOther(): boolean {
    const holder = this.#holder();
    if (this.#seen === undefined || holder === '' || holder === this.#options.identity) return false;
    const seconds = this.#seen.lease.spec?.leaseDurationSeconds ?? 0;
    const duration = Math.max(this.#leaseDuration, Math.min(seconds * 1_000, LEASE_DURATION_MAX_MS));
    return this.#options.clock.now() < this.#seen.at + duration;
  }

  #renewed(begun: number): void {
    const { clock } = this.#options;
    this.#renewedAt = begun;
    this.#stepDown?.cancel();
    const left = begun + this.#renewDeadline - clock.now();
    if (left <= 0) {
      // The answer came too late to rely on it; the next attempt renews.
      this.#tell(false);
      return;
    }
    this.#stepDown = clock.setTimeout(() => this.#tell(false), left, { background: true });
    this.#tell(true);
  }

  #isFresh(): boolean {
    return this.#options.clock.now() < this.#renewedAt + this.#renewDeadline;
  }

  #tell(leading: boolean): void {
    if (!leading) this.#stepDown?.cancel();
    if (this.#told === leading) return;
    this.#told = leading;
    const { log, onChange } = this.#options;
    log.info(this.#fields(), leading ? 'leads' : 'leads no more');
    try {
      onChange(leading);
    } catch (error) {
      log.error({ ...this.#fields(), error: messageOf(error) }, 'a change of leadership could not be taken in');
    }
  }

  async #release(deadline: number): Promise<void> {
    const { client, clock, identity, log } = this.#options;
    if (this.#seen === undefined || this.#holder() !== identity) return;
    const now = microTime(clock.wallTime());
    const { lease } = this.#seen;
    const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now };
    try {
      await client.replace<Lease>(LEASES, { ...lease, spec }, { timeout: deadline, attempts: 1 });
    } catch (error) {
      log.info({ ...this.#fields(), error: messageOf(error) }, 'Lease could not be given back; it runs out by itself');
    }
  }

  /** Two attempts fit into the deadline, so that one that hangs does not cost the leadership. */
  #limits(): { timeout: number; attempts: number } {
    return { timeout: this.#renewDeadline / 2, attempts: 1 };
  }

  #fields(): { lease: string; identity: string } {
    const { namespace, name, identity } = this.#options;
    return { lease: `${namespace}/${name}`, identity };
  }
}
