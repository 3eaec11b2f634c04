import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import type { WaypointFacts } from '@ambit/translation/translate/waypoint/gateways';

/**
 * Remembers which waypoints were ready at some time, for as long as their Gateways exist: what is bound to them is then
 * not reached past them. Kept in a file over a restart, one `namespace/name` a line; without a path in memory only.
 */
export class ReadyWaypoints {
  readonly #path: string;
  readonly #log: Logger;
  #names: ReadonlySet<string>;

  /** Reads the file. One that cannot be read counts as empty, and the log says so. */
  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
    this.#names = new Set(path === '' ? [] : this.#read());
  }

  /** `namespace/name`. */
  get names(): ReadonlySet<string> {
    return this.#names;
  }

  /** Adds those that are ready now and forgets those whose Gateways are gone. */
  note(waypoints: ReadonlyMap<string, WaypointFacts>): void {
    const names = [...waypoints].filter(([name, { ready }]) => ready || this.#names.has(name)).map(([name]) => name);
    if (names.length === this.#names.size && names.every((name) => this.#names.has(name))) return;
    this.#names = new Set(names);
    // Written before anybody is told, so that no crash forgets what proxies know; it happens once in the life of a waypoint.
    if (this.#path !== '') this.#write(names.sort());
  }

  #read(): string[] {
    try {
      return readFileSync(this.#path, 'utf8')
        .split('\n')
        .filter((line) => line !== '');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) {
        this.#log.error(
          { path: this.#path, reason: messageOf(error) },
          'which waypoints were ready before is not known',
        );
      }
      return [];
    }
  }

  #write(names: readonly string[]): void {
    const temporary = `${this.#path}.tmp`;
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      const file = openSync(temporary, 'w', 0o600);
      try {
        writeSync(file, names.map((name) => `${name}\n`).join(''));
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, this.#path);
    } catch (error) {
      this.#log.error(
        { path: this.#path, reason: messageOf(error) },
        'which waypoints were ready is not kept over a restart',
      );
    }
  }
}
