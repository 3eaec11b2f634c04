import type { Clock } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import type { SpiffeId } from '@ambit/core/spiffe';
import { openBatch } from '@ambit/mesh/resource/batch';
import type { Certificates } from '@ambit/proxy/certificates';
import type { ProxyMetrics } from '@ambit/proxy/proxy-metrics';
import type { Resources } from '@ambit/proxy/resources';
import { SNAPSHOT_FAILURES, SNAPSHOT_KEPT, SNAPSHOT_WRITTEN } from '@ambit/telemetry/families';
import type { Estate } from '../keeper/estate.ts';
import type { StateName } from '../keeper/packets.ts';
import { Snapshot } from '../snapshot/snapshot.ts';

/** The state is deposited with the keeper at most this often, milliseconds. */
const DEPOSIT_INTERVAL = 200;

export interface LastStateOptions {
  readonly snapshotDirectory: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly estate: Estate;
  readonly metrics: ProxyMetrics;
  /** Whether the certificate of an identity is for the snapshot: pods of this node may need it. */
  readonly remembers: (identity: SpiffeId) => boolean;
}

interface Parts {
  readonly resources: Resources;
  readonly certificates: Certificates;
}

/**
 * What this proxy knows and must not take with it: the keeper holds it over the end of the process, the snapshot over that
 * of the pod. A successor that starts from a state a little older asks the controller for the difference.
 */
export class LastState {
  readonly #options: LastStateOptions;
  readonly #snapshot: Snapshot;
  #depositing = false;

  constructor(options: LastStateOptions) {
    const { snapshotDirectory, clock, log, metrics } = options;
    this.#options = options;
    this.#snapshot = new Snapshot({
      path: snapshotDirectory,
      clock,
      log,
      onResult: (state, code) => {
        if (code === undefined) metrics.own.number(SNAPSHOT_WRITTEN, state).value = clock.wallTime() / 1_000;
        else metrics.own.number(SNAPSHOT_FAILURES, state, code).value += 1;
      },
    });
    if (snapshotDirectory !== '') metrics.own.number(SNAPSHOT_KEPT).value = this.#snapshot.kept ? 1 : 0;
  }

  /** Why there is no snapshot although one was asked for, in words. */
  get problem(): string | undefined {
    return this.#snapshot.problem?.message;
  }

  /**
   * Takes up what a predecessor left. What the keeper held is newer than any snapshot, and was in force until a moment ago;
   * a snapshot's resources still have to be believed.
   */
  restore(held: ReadonlyMap<StateName, Buffer>, { resources, certificates }: Parts): void {
    const savedCertificates = held.get('certificates') ?? this.#snapshot.read('certificates');
    if (savedCertificates !== undefined) certificates.restore(savedCertificates);
    const deposited = held.get('resources');
    if (deposited !== undefined && this.#restoreResources(deposited, resources)) {
      resources.believe();
      // It may be the only one there is, when the keeper goes before the controller is back.
      this.#keepResources(resources);
      this.identitiesChanged(certificates);
      return;
    }
    const saved = this.#snapshot.read('resources');
    if (saved !== undefined) this.#restoreResources(saved, resources);
  }

  /** The controller changed the mesh. */
  resourcesChanged(resources: Resources): void {
    this.#keepResources(resources);
    if (this.#depositing) return;
    this.#depositing = true;
    this.#options.clock.setTimeout(
      () => {
        this.#depositing = false;
        this.#options.estate.holdState('resources', new Uint8Array(resources.snapshot().bytes));
      },
      DEPOSIT_INTERVAL,
      { background: true },
    );
  }

  /** `fresh`: not just what was restored, which another proxy may know better by now. */
  certificatesChanged(certificates: Certificates, state: Uint8Array, fresh: boolean): void {
    this.#options.estate.holdState('certificates', state);
    if (fresh) this.identitiesChanged(certificates);
  }

  /** A key that nobody on the node needs any more does not stay in the snapshot; without any there is no file. */
  identitiesChanged(certificates: Certificates): void {
    const { remembers } = this.#options;
    this.#snapshot.keep('certificates', () =>
      certificates.store.identities().some((identity) => remembers(identity))
        ? certificates.store.exportState(remembers)
        : undefined,
    );
  }

  /** The proxy is about to end: what it forgets from now on is not forgotten for its successor. Idempotent. */
  close(): void {
    this.#snapshot.close();
  }

  #keepResources(resources: Resources): void {
    this.#snapshot.keep('resources', () => new Uint8Array(resources.snapshot().bytes));
  }

  #restoreResources(saved: Buffer, resources: Resources): boolean {
    const shared = new SharedArrayBuffer(saved.length);
    new Uint8Array(shared).set(saved);
    try {
      resources.restore(openBatch(shared));
      return true;
    } catch (error) {
      this.#options.log.error(
        { error: messageOf(error) },
        'the resources of the predecessor cannot be used; waiting for the controller',
      );
      return false;
    }
  }
}
