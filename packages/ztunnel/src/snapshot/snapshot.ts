import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import type { Clock, Timer } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import type { StateName } from '../keeper/packets.ts';
import { SNAPSHOT_INTERVAL, SNAPSHOT_WRITING_SHARE } from '../limits.ts';
import { SnapshotDirectory } from './snapshot-directory.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot-file.ts';

export interface SnapshotOptions {
  /** AMBIT_SNAPSHOT_DIR; empty: nothing is kept. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** A state was written, or could not be read or written (then with the code). */
  readonly onResult: (state: StateName, code: string | undefined) => void;
  /** Default: that of this program. */
  readonly release?: string;
}

/**
 * The last states of this node's proxy in a directory that outlives its pod, so that a proxy that starts while the
 * controller is away serves by what was known. Whatever goes wrong with it is logged and costs only the snapshot.
 */
export class Snapshot {
  /** Why nothing is kept although it was asked for. */
  readonly problem: AmbitError | undefined;
  readonly #options: SnapshotOptions;
  readonly #release: string;
  readonly #directory: SnapshotDirectory | undefined;
  readonly #waiting = new Map<StateName, () => Uint8Array | undefined>();
  #timer: Timer | undefined;
  #notBefore = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: SnapshotOptions) {
    this.#options = options;
    this.#release = options.release ?? '';
    if (options.path === '') return;
    try {
      this.#release ||= releaseOfProgram();
      this.#directory = SnapshotDirectory.open(options.path);
    } catch (error) {
      this.problem = error instanceof AmbitError ? error : new AmbitError('AMBIT_SNAPSHOT_DIRECTORY', messageOf(error));
      options.log.error(
        { code: this.problem.code, error: this.problem.message },
        'no snapshot is kept: when this pod is restarted while the controller is away, the node is not served',
      );
    }
  }

  /** Whether states are kept. */
  get kept(): boolean {
    return this.#directory !== undefined;
  }

  /** The newest state that can be used; undefined when there is none. */
  read(state: StateName): Buffer | undefined {
    const directory = this.#directory;
    if (directory === undefined) return undefined;
    for (const file of this.#filesOf(directory, state)) {
      try {
        return decodeSnapshot(directory.read(file), { state, release: this.#release });
      } catch (error) {
        this.#failed(state, error, `${file} is ignored`);
      }
    }
    return undefined;
  }

  /** Keeps a state: soon, and only the last of several. `content` is called then; undefined: the state is to be gone. */
  keep(state: StateName, content: () => Uint8Array | undefined): void {
    if (this.#directory === undefined || this.#closed) return;
    this.#waiting.set(state, content);
    if (this.#timer !== undefined) return;
    const { clock } = this.#options;
    this.#timer = clock.setTimeout(
      () => {
        this.#timer = undefined;
        this.#write();
      },
      Math.max(0, this.#notBefore - clock.now()),
      { background: true },
    );
  }

  /** Writes what waits, and nothing any more from then on: what follows is the end of this process, not of its pods. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#write();
  }

  #write(): void {
    const { clock } = this.#options;
    const begin = clock.now();
    for (const [state, content] of [...this.#waiting]) {
      this.#waiting.delete(state);
      try {
        const header = { state, release: this.#release, writtenAt: clock.wallTime() };
        const bytes = content();
        if (bytes === undefined) this.#directory?.remove(state);
        else this.#directory?.write(state, encodeSnapshot(header, bytes));
        this.#options.onResult(state, undefined);
      } catch (error) {
        this.#failed(state, error, 'the one before it stays');
      }
    }
    // A large mesh that changes all the time must not keep this thread writing.
    const took = clock.now() - begin;
    this.#notBefore = clock.now() + Math.max(SNAPSHOT_INTERVAL, took * SNAPSHOT_WRITING_SHARE);
  }

  #filesOf(directory: SnapshotDirectory, state: StateName): string[] {
    try {
      return directory.files(state);
    } catch (error) {
      this.#failed(state, error, 'the directory cannot be listed');
      return [];
    }
  }

  #failed(state: StateName, error: unknown, what: string): void {
    const code = error instanceof AmbitError ? error.code : 'AMBIT_SNAPSHOT_REFUSED';
    this.#options.log.error({ code, error: messageOf(error) }, `snapshot of the ${state}: ${what}`);
    this.#options.onResult(state, code);
  }
}

/** The release that this program is part of, bundled or not. */
function releaseOfProgram(): string {
  const path = findPackageJSON('..', import.meta.url);
  const manifest: unknown = path === undefined ? undefined : JSON.parse(readFileSync(path, 'utf8'));
  if (
    typeof manifest === 'object' &&
    manifest !== null &&
    'version' in manifest &&
    typeof manifest.version === 'string' &&
    manifest.version !== ''
  )
    return manifest.version;
  throw new AmbitError('AMBIT_SNAPSHOT_DIRECTORY', 'the release of this program is not known');
}
