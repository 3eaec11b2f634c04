import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import { writeAtomically } from '../ca/authority-files.ts';

/** Keeps the last good text of every file over a restart, so that a broken file does not take its policies along then. */
export interface LastGoodStore {
  keep(path: string, text: string): Promise<void>;
  /** The text kept; undefined when there is none. */
  recall(path: string): Promise<string | undefined>;
  /** Forgets every file but these. */
  retain(paths: readonly string[]): Promise<void>;
}

/** Keeps nothing. */
export const NO_LAST_GOOD: LastGoodStore = {
  keep: () => Promise.resolve(),
  recall: () => Promise.resolve(undefined),
  retain: () => Promise.resolve(),
};

/** Keeps texts in a directory, one file each. A failure is logged and costs only the memory over a restart. */
export class LastGoodDirectory implements LastGoodStore {
  readonly #directory: string;
  readonly #log: Logger;

  constructor(directory: string, log: Logger) {
    this.#directory = directory;
    this.#log = log;
  }

  async keep(path: string, text: string): Promise<void> {
    await this.#try('keep', path, async () => {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      await writeAtomically(join(this.#directory, nameOf(path)), text, 0o600);
    });
  }

  async recall(path: string): Promise<string | undefined> {
    return await readFile(join(this.#directory, nameOf(path)), 'utf8').catch(() => undefined);
  }

  async retain(paths: readonly string[]): Promise<void> {
    const names = new Set(paths.map((path) => nameOf(path)));
    const present = await readdir(this.#directory).catch((): string[] => []);
    for (const name of present) {
      if (names.has(name)) continue;
      await this.#try('forget', name, () => rm(join(this.#directory, name), { force: true }));
    }
  }

  async #try(what: string, path: string, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      this.#log.error({ path, reason: messageOf(error) }, `cannot ${what} the last good state of a file`);
    }
  }
}

function nameOf(path: string): string {
  return `${createHash('sha256').update(path).digest('hex')}.manifest`;
}
