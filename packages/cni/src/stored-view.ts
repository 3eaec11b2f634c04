import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Timer } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import { writeAtomically } from './atomic-file.ts';
import { VIEW_DELAY_MS, VIEW_RETRY_MS } from './limits.ts';

/** The file's name in the run directory; the plugin reads it. */
export const VIEW_FILE: string = 'namespaces.json';

/** What the plugin is told of namespaces while no agent answers. */
export interface NamespaceView {
  readonly version: 1;
  /** Namespaces whose pods are in the mesh unless they opt out. */
  readonly enrolled: readonly string[];
  readonly others: readonly string[];
}

/** Sorts namespaces into those that are in the mesh and the others. */
export function namespaceView(
  namespaces: Iterable<{ readonly name: string; readonly enrolled: boolean }>,
): NamespaceView {
  const all = [...namespaces].toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const names = (enrolled: boolean): string[] =>
    all.filter((each) => each.enrolled === enrolled).map(({ name }) => name);
  return { version: 1, enrolled: names(true), others: names(false) };
}

/** Keeps the file in step with what the agent knows. A namespace that is not in it is unknown, and its pods wait. */
export class StoredView {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #read: () => NamespaceView;
  #written = '';
  #timer: Timer | undefined;

  constructor(directory: string, { clock, log, read }: { clock: Clock; log: Logger; read: () => NamespaceView }) {
    this.#path = join(directory, VIEW_FILE);
    this.#clock = clock;
    this.#log = log;
    this.#read = read;
  }

  /** Something may have changed; it is written soon. */
  changed(): void {
    this.#later(VIEW_DELAY_MS);
  }

  /**
   * Writes what is different now. A failure is logged, leaves the old file, and is followed by another attempt: by a view
   * that does not know that a namespace has joined, the plugin lets its pods start without an agent.
   */
  write(): void {
    const text = `${JSON.stringify(this.#read())}\n`;
    if (text === this.#written) return;
    try {
      writeAtomically(this.#path, text, { mode: 0o600 });
      this.#written = text;
    } catch (error) {
      this.#log.error({ file: this.#path, error: messageOf(error) }, 'cannot store what is known of namespaces');
      this.#later(VIEW_RETRY_MS);
    }
  }

  /** Takes the file away, for a node that the mesh leaves. */
  remove(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    rmSync(this.#path, { force: true });
    this.#written = '';
  }

  #later(milliseconds: number): void {
    this.#timer ??= this.#clock.setTimeout(() => {
      this.#timer = undefined;
      this.write();
    }, milliseconds);
  }
}
