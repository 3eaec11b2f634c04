import { backoffDelay } from '@ambit/core/backoff';
import type { Clock } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import { messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import { type KubeClient, KubeError } from './client.ts';
import type { Selection } from './client-options.ts';
import {
  ABSENCE_CONFIRMED_MS,
  ABSENT_POLL_MS,
  RESUME_FIRST_MS,
  RESUME_JITTER,
  RESUME_MAX_MS,
  RESYNC_MS,
  WATCH_SOUND_MS,
} from './limits.ts';
import { type Change, isEarlierVersion, ObjectStore } from './object-store.ts';
import { Pause } from './pause.ts';
import { uniform } from './random.ts';
import type { KubeObject, Resource } from './resource.ts';
import { isFutureVersion, isUnknownKind } from './status-error.ts';
import { TroubleLog } from './trouble-log.ts';
import type { WatchEvent } from './watch.ts';

export type { Change };

/**
 * `starting`: nothing is known yet. `live`: what is known is current. `stale`: the API server is away or refuses, and what
 * is known is the last that was seen. `absent`: the API server does not know the kind, so there are no objects.
 */
export type InformerState = 'absent' | 'live' | 'stale' | 'starting';

export interface InformerOptions<T extends KubeObject> extends Selection {
  readonly client: KubeClient;
  readonly resource: Resource<T['kind']>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called after `get` and `values` have taken the change in. What it throws is logged. */
  readonly onChange: (change: Change<T>) => void;
  /** What is kept of an object, for kinds of which only a part is looked at: its metadata at least. Default: all. */
  readonly keep?: (object: T) => T;
  /** Called after a list was taken in whole: all changes up to it have been given to `onChange`. */
  readonly onResync?: () => void;
  /** Called when `state` has changed. */
  readonly onState?: (state: InformerState) => void;
  /** In [0, 1), for jitter. Default: the system's. */
  readonly random?: () => number;
}

/**
 * Keeps the objects of one kind as the API server has them: list, then watch, for ever. Changes are given in order, each
 * object's states from older to newer, and what was missed while the watch was broken is made up for, deletions too.
 */
export class Informer<T extends KubeObject> implements Drainable {
  /** Resolves when the first list was given to `onChange`, or the kind is absent. Stays pending when closed before. */
  readonly synced: Promise<void>;
  readonly #options: InformerOptions<T>;
  readonly #store = new ObjectStore<T>();
  readonly #pause: Pause;
  readonly #random: () => number;
  readonly #what: string;
  readonly #trouble: TroubleLog;
  #markSynced: () => void = () => undefined;
  #state: InformerState = 'starting';
  #running: Promise<void> | undefined;
  #watch: { destroy: () => void } | undefined;
  #endWatch: (() => void) | undefined;
  #closed = false;
  /** Whether anything is known, be it that the kind is absent. */
  #listed = false;
  /** From where to watch; undefined: a list is needed first. */
  #position: string | undefined;
  /** Whether the API server may know less than `#position`. */
  #doubted = false;
  #listedAt = -Infinity;
  #resyncAt = Infinity;
  #failures = 0;
  #unknownSince: number | undefined;

  constructor(options: InformerOptions<T>) {
    const { resource, clock, log, random = uniform } = options;
    this.#options = options;
    this.#trouble = new TroubleLog(log, {
      failing: 'cannot be followed; the last known objects stay, and it is tried again',
      over: 'is followed again',
    });
    this.#random = random;
    this.#pause = new Pause(clock);
    this.#what = resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
    this.synced = new Promise((resolve) => {
      this.#markSynced = resolve;
    });
  }

  get state(): InformerState {
    return this.#state;
  }

  get size(): number {
    return this.#store.size;
  }

  get(name: string, namespace?: string): T | undefined {
    return this.#store.get(name, namespace);
  }

  values(): IterableIterator<T> {
    return this.#store.values();
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async close(_options: { deadline: number }): Promise<void> {
    this.destroy();
    await Promise.resolve();
  }

  /** What is known stays readable; nothing is told any more. */
  destroy(_error?: Error): void {
    this.#closed = true;
    this.#pause.end();
    this.#watch?.destroy();
    this.#endWatch?.();
  }

  async #run(): Promise<void> {
    while (!this.#isClosed()) {
      let delay = 0;
      try {
        if (this.#doubted && this.#position !== undefined) await this.#compareWithServer(this.#position);
        this.#position ??= await this.#list();
        if (!this.#isClosed()) await this.#watchFrom(this.#position);
        if (this.#options.clock.now() >= this.#resyncAt) this.#position = undefined;
      } catch (error) {
        if (!this.#isClosed()) delay = this.#recover(error);
      }
      if (delay > 0) await this.#pause.wait(delay);
    }
  }

  /** The state can change during every wait, which the type checker does not see in a field. */
  #isClosed(): boolean {
    return this.#closed;
  }

  async #list(): Promise<string | undefined> {
    const { client, resource, clock, keep } = this.#options;
    const { items, resourceVersion } = await client.list<T>(resource, this.#options);
    if (this.#isClosed()) return undefined;
    this.#unknownSince = undefined;
    this.#doubted = false;
    this.#listedAt = clock.now();
    this.#resyncAt = this.#listedAt + RESYNC_MS * (1 + RESUME_JITTER * this.#random());
    this.#recovered();
    this.#takeOver(keep === undefined ? items : items.map((item) => keep(item)));
    return resourceVersion;
  }

  #takeOver(items: readonly T[]): void {
    this.#listed = true;
    for (const change of this.#store.replace(items)) {
      if (this.#isClosed()) return;
      this.#tell(change);
    }
    this.#guard(() => this.#options.onResync?.());
    this.#markSynced();
  }

  /**
   * A store that was restored from a backup counts on from an earlier version; a watch from a later one is accepted and
   * stays silent until that version comes again. So after an outage, or a silence, the version is asked for first.
   */
  async #compareWithServer(position: string): Promise<void> {
    const { client, resource, log } = this.#options;
    const now = await client.latestVersion(resource, this.#options, { attempts: 1 });
    this.#doubted = false;
    if (!isEarlierVersion(now, position)) return;
    log.warn(
      { resource: this.#what, resourceVersion: now, before: position },
      'the API server has gone back in time (restored from a backup?); what it has now is taken over',
    );
    this.#position = undefined;
  }

  /** Resolves when the API server ended the watch in order; rejects with `KubeError`. */
  async #watchFrom(position: string | undefined): Promise<void> {
    if (position === undefined) return;
    const { client, resource, clock } = this.#options;
    const life: { openedAt: number | undefined; told: boolean } = { openedAt: undefined, told: false };
    const isSound = (): boolean =>
      life.openedAt !== undefined && (life.told || clock.now() - life.openedAt >= WATCH_SOUND_MS);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#endWatch = resolve;
        this.#watch = client.watch(
          resource,
          { ...this.#options, resourceVersion: position },
          {
            onOpen: () => {
              life.openedAt = clock.now();
              this.#recovered();
            },
            onEvent: (event) => {
              life.told = true;
              this.#take(event);
            },
            onEnd: (error) => (error === undefined ? resolve() : reject(error)),
          },
        );
      });
    } finally {
      this.#watch = undefined;
      this.#endWatch = undefined;
      if (isSound()) this.#failures = 0;
    }
    // A server that accepts watches only to end them must not be asked in a tight loop.
    if (!isSound() && !this.#isClosed()) await this.#pause.wait(this.#backoff());
  }

  #take(event: WatchEvent): void {
    this.#position = event.resourceVersion;
    if (event.kind === 'bookmark') return;
    const { keep } = this.#options;
    const object = event.object as T;
    for (const change of this.#store.take(event.kind, keep === undefined ? object : keep(object))) {
      if (this.#isClosed()) return;
      this.#tell(change);
    }
  }

  #tell(change: Change<T>): void {
    this.#guard(() => this.#options.onChange(change));
  }

  /** One object that its consumer cannot digest must not keep the others from it. */
  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#options.log.error({ resource: this.#what, error: messageOf(error) }, 'a change could not be taken in');
    }
  }

  /** Decides what follows a failure. Returns the pause before the next attempt, milliseconds. */
  #recover(error: unknown): number {
    if (!(error instanceof KubeError)) return this.#fail(error);
    this.#doubted ||= error.code === 'AMBIT_KUBE_UNREACHABLE';
    if (error.reason === 'Silent') {
      // A kind without changes on a server that has seen none either: there it sends no bookmarks.
      this.#options.log.debug({ resource: this.#what }, 'watch opened anew after a long silence');
      return 0;
    }
    const watching = this.#position !== undefined;
    if (error.code === 'AMBIT_KUBE_GONE' || isFutureVersion(error)) {
      this.#position = undefined;
      this.#options.log.debug({ resource: this.#what, error: error.message }, 'listed anew');
      return watching && this.#isListOld() ? 0 : this.#fail(error);
    }
    if (isUnknownKind(error)) {
      this.#position = undefined;
      return watching && this.#isListOld() ? 0 : this.#missKind(error);
    }
    const temporary = ['AMBIT_KUBE_FORBIDDEN', 'AMBIT_KUBE_UNAUTHORIZED', 'AMBIT_KUBE_UNREACHABLE'];
    // Anything else may come from the position itself, or from an event that cannot be read: a list gets past both.
    if (!temporary.includes(error.code)) this.#position = undefined;
    return this.#fail(error);
  }

  /** A list whose position is refused at once must not be followed by the next in a tight loop. */
  #isListOld(): boolean {
    return this.#options.clock.now() - this.#listedAt >= WATCH_SOUND_MS;
  }

  #fail(error: unknown): number {
    this.#enter(this.#listed ? 'stale' : 'starting');
    this.#trouble.note(error, { resource: this.#what, objects: this.size });
    return this.#backoff();
  }

  #missKind(error: KubeError): number {
    const { clock, log } = this.#options;
    this.#unknownSince ??= clock.now();
    if (this.size > 0 && clock.now() - this.#unknownSince < ABSENCE_CONFIRMED_MS) {
      // An API server that is starting may not know yet what it will serve; to forget policies would open what they close.
      this.#fail(error);
      return Math.min(ABSENT_POLL_MS, RESUME_FIRST_MS * 2 ** Math.min(this.#failures, 10));
    }
    if (this.#state !== 'absent') {
      log.info({ resource: this.#what }, 'is not installed in this cluster; asked for again every 10 s');
      this.#enter('absent');
      this.#takeOver([]);
    }
    this.#failures = 0;
    return ABSENT_POLL_MS * (0.9 + 0.2 * this.#random());
  }

  #recovered(): void {
    this.#trouble.over({ resource: this.#what, objects: this.size });
    this.#enter('live');
  }

  #enter(state: InformerState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#guard(() => this.#options.onState?.(state));
  }

  #backoff(): number {
    this.#failures += 1;
    const backoff = { first: RESUME_FIRST_MS, longest: RESUME_MAX_MS, jitter: RESUME_JITTER };
    return backoffDelay(backoff, this.#failures, this.#random());
  }
}
