import { type FSWatcher, watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Clock, Timer } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import { formatProblem } from '@ambit/translation/manifest/problem';
import { MAX_FILES_PER_DIRECTORY, POLL_MS, POLL_UNWATCHED_MS, SCAN_DELAY_MS, SETTLE_MS } from '../limits.ts';
import type { Counters } from '../serve/counters.ts';
import { ConfigFile } from './config-file.ts';
import type { Configuration, ConfigurationSource } from './configuration.ts';
import type { LastGoodStore } from './last-good.ts';

export interface ConfigDirectoryParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
  readonly lastGood: LastGoodStore;
  /** Called after every scan that changed something, also when only the problems changed. */
  readonly onChange: (configuration: Configuration) => void;
}

/**
 * Directories of manifests, read again when they change: told by the file system, and looked at from time to time in
 * case it tells nothing. A file is taken whole or keeps its last good state; a directory that cannot be listed keeps
 * all of its files.
 */
export class ConfigDirectory implements ConfigurationSource {
  readonly #directories: readonly string[];
  readonly #parts: ConfigDirectoryParts;
  readonly #files = new Map<string, ConfigFile>();
  readonly #unlisted = new Set<string>();
  #watchers: FSWatcher[] = [];
  #timer: Timer | undefined;
  #scanning: Promise<void> | undefined;
  #again = false;
  #started = false;
  #closed = false;

  constructor(directories: readonly string[], parts: ConfigDirectoryParts) {
    this.#directories = [...new Set(directories.map((directory) => resolve(directory)))];
    this.#parts = parts;
  }

  /** Reads everything once, calls `onChange`, and watches from then on. Throws `AMBIT_CONFIG` when a directory cannot be listed. */
  async start(): Promise<void> {
    for (const directory of this.#directories) {
      await readdir(directory).catch((error: unknown) => {
        throw new AmbitError('AMBIT_CONFIG', `configuration directory ${directory}: ${messageOf(error)}`, {
          source: 'configuration',
        });
      });
    }
    this.#watchers = this.#directories.flatMap((directory) => this.#watch(directory));
    while (await this.#scan()) await this.#pause(SETTLE_MS);
    await this.#parts.lastGood.retain([...this.#files.keys()]);
    this.#started = true;
    this.#publish();
    this.#schedule(this.#nextScan());
  }

  close(): Promise<void> {
    this.destroy();
    return this.#scanning ?? Promise.resolve();
  }

  destroy(): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  #watch(directory: string): FSWatcher[] {
    try {
      const watcher = watch(directory, () => this.#wake());
      watcher.on('error', (error) => {
        this.#parts.log.warn(
          { directory, reason: messageOf(error) },
          'the file system stopped telling of changes; polling',
        );
        this.#watchers = this.#watchers.filter((other) => other !== watcher);
        watcher.close();
        this.#wake();
      });
      return [watcher];
    } catch (error) {
      this.#parts.log.warn(
        { directory, reason: messageOf(error) },
        'the file system does not tell of changes; polling',
      );
      return [];
    }
  }

  #nextScan(): number {
    if (this.#again) return SCAN_DELAY_MS;
    return this.#watchers.length === this.#directories.length ? POLL_MS : POLL_UNWATCHED_MS;
  }

  #wake(): void {
    if (!this.#started || this.#scanning !== undefined) this.#again = true;
    else this.#schedule(SCAN_DELAY_MS);
  }

  #schedule(milliseconds: number): void {
    if (this.#closed) return;
    this.#timer?.cancel();
    this.#timer = this.#parts.clock.setTimeout(() => {
      this.#scanning = this.#run().finally(() => {
        this.#scanning = undefined;
      });
    }, milliseconds);
  }

  async #run(): Promise<void> {
    this.#again = false;
    let unsettled = false;
    try {
      unsettled = await this.#scan();
    } catch (error) {
      this.#parts.log.error({ reason: messageOf(error) }, 'a scan of the configuration failed');
    }
    this.#schedule(unsettled ? SETTLE_MS : this.#nextScan());
  }

  /** Looks at every file; true when some are still being written. */
  async #scan(): Promise<boolean> {
    const present = await this.#list();
    let changed = await this.#forget(present);
    let unsettled = false;
    for (const path of present) {
      const file = this.#files.get(path) ?? new ConfigFile(path, this.#parts.lastGood);
      this.#files.set(path, file);
      const outcome = await file.scan(this.#parts.clock.now());
      if (outcome === 'unsettled') unsettled = true;
      if (outcome === 'refused') this.#logRefusal(file);
      if (outcome === 'taken')
        this.#parts.log.info({ file: path, objects: file.good?.objects.length }, 'configuration file read');
      changed ||= outcome === 'taken' || outcome === 'refused';
    }
    if (changed && this.#started && !this.#closed) this.#publish();
    return unsettled;
  }

  async #list(): Promise<string[]> {
    const paths: string[] = [];
    for (const directory of this.#directories) {
      try {
        const entries = await readdir(directory, { withFileTypes: true });
        const names = entries
          .filter((entry) => (entry.isFile() || entry.isSymbolicLink()) && /^[^.].*\.(?:ya?ml|json)$/.test(entry.name))
          .map((entry) => entry.name)
          .sort();
        if (names.length > MAX_FILES_PER_DIRECTORY) {
          this.#parts.log.error(
            { directory, files: names.length },
            `only the first ${MAX_FILES_PER_DIRECTORY} files are read`,
          );
        }
        paths.push(...names.slice(0, MAX_FILES_PER_DIRECTORY).map((name) => join(directory, name)));
        this.#unlisted.delete(directory);
      } catch (error) {
        if (!this.#unlisted.has(directory)) {
          this.#parts.log.error(
            { directory, reason: messageOf(error) },
            'a configuration directory cannot be listed; its files stay in force',
          );
        }
        this.#unlisted.add(directory);
        paths.push(...[...this.#files.keys()].filter((path) => path.startsWith(`${directory}/`)));
      }
    }
    return paths;
  }

  async #forget(present: readonly string[]): Promise<boolean> {
    const names = new Set(present);
    const gone = [...this.#files.keys()].filter((path) => !names.has(path));
    for (const path of gone) {
      this.#files.delete(path);
      this.#parts.log.info({ file: path }, 'configuration file gone, and its objects with it');
    }
    if (gone.length > 0) await this.#parts.lastGood.retain(present);
    return gone.length > 0;
  }

  #logRefusal({ path, good, problems }: ConfigFile): void {
    this.#parts.counters.count('ambit_config_file_errors_total');
    const consequence = good === undefined ? 'nothing of it is in force' : 'its last good state stays in force';
    for (const problem of problems) {
      const { position, object, path: field, message, cause } = problem;
      this.#parts.log.error(
        { file: path, line: position.line, column: position.column, object, field, reason: message, cause },
        `configuration file refused: ${formatProblem(problem)}; ${consequence}`,
      );
    }
  }

  #publish(): void {
    const files = [...this.#files.values()];
    this.#parts.onChange({
      sources: files.flatMap(({ role, good }) => (good === undefined ? [] : [{ role, decoded: good }])),
      problems: files.flatMap(({ problems }) => problems),
      refusals: [],
      changedAt: this.#parts.clock.now(),
    });
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resume) => {
      this.#parts.clock.setTimeout(resume, milliseconds);
    });
  }
}
