import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import { messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import { type KubeClient, KubeError } from './client.ts';
import { EventBudget } from './event-budget.ts';
import { eventObject, type KubeEvent } from './event-object.ts';
import { microTime } from './lease.ts';
import { EVENT_REFRESH_MS, EVENT_SERIES_MS, EVENTS_QUEUED, EVENTS_REMEMBERED } from './limits.ts';
import { within } from './pause.ts';
import { EVENTS, type KubeObject } from './resource.ts';

export interface EventRecorderOptions {
  readonly client: KubeClient;
  /** Who reports, a qualified name such as `istio-cni-node`. */
  readonly component: string;
  /** Which of them, such as the pod's name. */
  readonly instance: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** One event that may happen again, and how often it did. */
interface Series {
  readonly event: KubeEvent;
  count: number;
  lastAt: number;
  /** The count that the API server knows; 0 before the event was written. */
  written: number;
}

/**
 * Events (events.k8s.io/v1) about objects, for whoever runs `kubectl describe`. The same event again is counted in the
 * first one; an object that has too many loses some, which are counted in the log. Needs `create` and `patch` on
 * `events.events.k8s.io`. Never throws and never waits.
 */
export class EventRecorder implements Drainable {
  readonly #options: EventRecorderOptions;
  readonly #series = new Map<string, Series>();
  readonly #budget: EventBudget;
  readonly #queue = new Set<Series>();
  #writing: Promise<void> | undefined;
  #refresh: Timer | undefined;
  #dropped = 0;
  #closed = false;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#budget = new EventBudget(options.clock);
  }

  /** `reason` is a short word in CamelCase, `message` a sentence; too long ones are cut. */
  record(involved: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    if (this.#closed) return;
    const { clock, component, instance } = this.#options;
    const { name, namespace = '', uid = '' } = involved.metadata;
    const object = [involved.kind, namespace, name, uid].join('/');
    const key = JSON.stringify([object, type, reason, message]);
    const known = this.#series.get(key);
    if (known !== undefined && clock.now() - known.lastAt < EVENT_SERIES_MS) {
      known.count += 1;
      known.lastAt = clock.now();
      this.#refreshLater();
      return;
    }
    if (this.#queue.size >= EVENTS_QUEUED || !this.#budget.take(object)) {
      this.#dropped += 1;
      this.#refreshLater();
      return;
    }
    const time = microTime(clock.wallTime());
    const id = randomBytes(8).toString('hex');
    const event = eventObject({ involved, type, reason, message, component, instance, id, time });
    const series = { event, count: 1, lastAt: clock.now(), written: 0 };
    this.#remember(key, series);
    this.#enqueue(series);
  }

  /** Writes what waits, within `deadline` milliseconds. */
  async close({ deadline }: { deadline: number }): Promise<void> {
    this.#flush();
    this.#closed = true;
    if (this.#writing !== undefined) await within(this.#options.clock, this.#writing, deadline);
    this.destroy();
  }

  destroy(_error?: Error): void {
    this.#closed = true;
    this.#refresh?.cancel();
    this.#queue.clear();
    this.#series.clear();
  }

  #remember(key: string, series: Series): void {
    this.#series.delete(key);
    if (this.#series.size >= EVENTS_REMEMBERED) {
      const [oldest] = this.#series.keys();
      if (oldest !== undefined) this.#series.delete(oldest);
    }
    this.#series.set(key, series);
  }

  #refreshLater(): void {
    this.#refresh ??= this.#options.clock.setTimeout(() => this.#flush(), EVENT_REFRESH_MS, { background: true });
  }

  /** Writes counts that have grown, forgets series that have ended, and says what was dropped. */
  #flush(): void {
    const { clock, log } = this.#options;
    this.#refresh?.cancel();
    this.#refresh = undefined;
    if (this.#dropped > 0)
      log.warn({ dropped: this.#dropped }, 'events dropped: too many about the same object, or in all');
    this.#dropped = 0;
    for (const [key, series] of this.#series) {
      if (series.written > 0 && series.count > series.written) this.#enqueue(series);
      else if (clock.now() - series.lastAt >= EVENT_SERIES_MS) this.#series.delete(key);
    }
    if (this.#series.size > 0 && !this.#closed) this.#refreshLater();
  }

  #enqueue(series: Series): void {
    this.#queue.add(series);
    this.#writing ??= this.#write();
  }

  /** One at a time: events are never urgent enough to press an API server. */
  async #write(): Promise<void> {
    for (const series of this.#queue) {
      this.#queue.delete(series);
      try {
        await (series.written === 0 ? this.#create(series) : this.#count(series));
      } catch (error) {
        const { kind, name, namespace = '' } = series.event.regarding;
        this.#options.log.warn(
          { object: `${kind} ${namespace}/${name}`, reason: series.event.reason, error: messageOf(error) },
          'event could not be written',
        );
      }
    }
    this.#writing = undefined;
  }

  async #create(series: Series): Promise<void> {
    series.written = 1;
    await this.#options.client.create<KubeEvent>(EVENTS, series.event);
  }

  async #count(series: Series): Promise<void> {
    const { client, clock } = this.#options;
    const { metadata } = series.event;
    const lastObserved = clock.wallTime() - (clock.now() - series.lastAt);
    const patch = { series: { count: series.count, lastObservedTime: microTime(lastObserved) } };
    series.written = series.count;
    try {
      await client.mergePatch<KubeEvent>(EVENTS, metadata.name, metadata.namespace, patch);
    } catch (error) {
      // Events live an hour; a series can live longer.
      if (!(error instanceof KubeError) || error.status !== 404) throw error;
      await client.create<KubeEvent>(EVENTS, { ...series.event, ...patch });
    }
  }
}
