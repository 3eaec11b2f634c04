import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { AmbitError, messageOf } from '@ambit/core/errors';
import type { StateName } from '../keeper/packets.ts';
import { SNAPSHOT_MAX_BYTES } from '../limits.ts';

/** `f_type` of tmpfs in linux/magic.h. */
const TMPFS_MAGIC = 0x0102_1994;
const FILE = /^(certificates|resources|writer)\.([1-9]\d{0,14})(\.tmp)?$/;

interface Found {
  readonly name: string;
  readonly kind: StateName | 'writer';
  readonly turn: number;
  readonly whole: boolean;
}

/**
 * A directory in memory, for root alone, that holds the last states of a node's proxy over the end of its pod.
 *
 * Two proxies may write at a time, while one takes over from the other. Each takes a turn number when it opens the
 * directory, higher than all before it, and writes files of that number only: what a predecessor still writes never
 * replaces what its successor knows. The highest whole file counts; the lower ones go when it is written.
 */
export class SnapshotDirectory {
  readonly #path: string;
  readonly #turn: number;

  private constructor(path: string) {
    this.#path = path;
    this.#turn = this.#takeTurn();
  }

  /**
   * Throws `AMBIT_SNAPSHOT_DIRECTORY`: it is not there, it is not on tmpfs (what is written to a disk may be read from
   * it later, private keys included), or it belongs to somebody else.
   */
  static open(path: string): SnapshotDirectory {
    try {
      if (!isAbsolute(path)) throw new Error('it is no absolute path');
      const status = lstatSync(path);
      if (!status.isDirectory()) throw new Error('it is no directory');
      if (statfsSync(path).type !== TMPFS_MAGIC)
        throw new Error('it is not on tmpfs, and private keys are never written to a disk');
      if (status.uid !== process.geteuid?.()) throw new Error(`it belongs to user ${status.uid}, not to this one`);
      if ((status.mode & 0o777) !== 0o700) chmodSync(path, 0o700);
      return new SnapshotDirectory(path);
    } catch (error) {
      throw new AmbitError('AMBIT_SNAPSHOT_DIRECTORY', `AMBIT_SNAPSHOT_DIR=${path}: ${messageOf(error)}`, {
        source: 'configuration',
        cause: error,
      });
    }
  }

  /** The files of a state, the newest first. */
  files(state: StateName): string[] {
    const found = this.#list().filter(({ kind, whole }) => kind === state && whole);
    return found.sort((a, b) => b.turn - a.turn).map(({ name }) => name);
  }

  /** Throws `AMBIT_SNAPSHOT_REFUSED`: not a file that only this user can change, or larger than any that is written. */
  read(name: string): Buffer {
    const fd = openSync(join(this.#path, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const status = fstatSync(fd);
      if (!status.isFile() || status.uid !== process.geteuid?.() || (status.mode & 0o077) !== 0)
        throw refused('it is not a file of this user alone');
      if (status.size > SNAPSHOT_MAX_BYTES) throw refused(`it has ${status.size} bytes`);
      const content = Buffer.alloc(status.size);
      for (let filled = 0; filled < content.length; ) {
        const count = readSync(fd, content, filled, content.length - filled, filled);
        if (count === 0) throw refused(`it ends after ${filled} of ${content.length} bytes`);
        filled += count;
      }
      return content;
    } finally {
      closeSync(fd);
    }
  }

  /** Replaces a state; whoever reads sees the old file or the new one. Throws `AMBIT_SNAPSHOT_WRITE`. */
  write(state: StateName, parts: readonly Uint8Array[]): void {
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    const name = `${state}.${this.#turn}`;
    const temporary = join(this.#path, `${name}.tmp`);
    try {
      if (size > SNAPSHOT_MAX_BYTES) throw new Error(`${size} bytes are more than ${SNAPSHOT_MAX_BYTES}`);
      rmSync(temporary, { force: true });
      const fd = openSync(temporary, 'wx', 0o600);
      try {
        for (const part of parts) {
          for (let written = 0; written < part.length; ) written += writeSync(fd, part, written);
        }
      } finally {
        closeSync(fd);
      }
      renameSync(temporary, join(this.#path, name));
    } catch (error) {
      rmSync(temporary, { force: true });
      throw new AmbitError('AMBIT_SNAPSHOT_WRITE', `the ${state} cannot be written: ${messageOf(error)}`, {
        source: 'system',
        cause: error,
      });
    }
    this.#removeBelow(this.#turn, state);
  }

  /** Removes a state as this turn and those before it have written it. Throws `AMBIT_SNAPSHOT_WRITE`. */
  remove(state: StateName): void {
    try {
      this.#removeBelow(this.#turn + 1, state);
    } catch (error) {
      throw new AmbitError('AMBIT_SNAPSHOT_WRITE', `the ${state} cannot be removed: ${messageOf(error)}`, {
        source: 'system',
        cause: error,
      });
    }
  }

  #takeTurn(): number {
    for (let turn = Math.max(0, ...this.#list().map((found) => found.turn)) + 1; ; turn += 1) {
      try {
        closeSync(openSync(join(this.#path, `writer.${turn}`), 'wx', 0o600));
        this.#removeBelow(turn, 'writer');
        return turn;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  }

  #removeBelow(turn: number, kind: Found['kind']): void {
    for (const found of this.#list()) {
      if (found.kind === kind && found.turn < turn) rmSync(join(this.#path, found.name), { force: true });
    }
  }

  #list(): Found[] {
    return readdirSync(this.#path).flatMap((name) => {
      const [, kind, turn, temporary] = FILE.exec(name) ?? [];
      if (kind === undefined) return [];
      return [{ name, kind: kind as Found['kind'], turn: Number(turn), whole: temporary === undefined }];
    });
  }
}

function refused(why: string): AmbitError {
  return new AmbitError('AMBIT_SNAPSHOT_REFUSED', why, { source: 'system' });
}
