import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Timer } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { type DecodedFile, decodeManifests } from '@ambit/translation/decode';
import type { ManifestProblem } from '@ambit/translation/manifest/problem';
import { type BuiltModel, buildModel } from '@ambit/translation/model';
import { MANIFEST_POLL_MS } from './limits.ts';

/** Observations are the bed's own to write; everything else of these kinds is a manifest. */
const MANIFEST = /^[^.].*\.(?:yaml|yml|json)$/;
const OBSERVATION = /\.status\.(?:yaml|yml|json)$/;

interface KnownFile {
  /** Changes whenever the file does. */
  readonly mark: string;
  /** Its last good state; undefined when it never was good. */
  readonly good: DecodedFile | undefined;
  readonly problems: readonly ManifestProblem[];
}

/**
 * Folders of manifests, read again when something in them changes. A file that is wrong keeps its last good state, as it
 * does in the controller, so that pods and policies agree on what is in force.
 */
export class ManifestFolders {
  readonly #folders: readonly string[];
  readonly #clock: Clock;
  readonly #onChange: () => void;
  #files = new Map<string, KnownFile>();
  #timer: Timer | undefined;
  #closed = false;

  constructor(folders: readonly string[], clock: Clock, onChange: () => void) {
    this.#folders = folders;
    this.#clock = clock;
    this.#onChange = onChange;
    this.#look();
    this.#later();
  }

  /** All objects that are wanted. */
  model(): BuiltModel {
    const good = [...this.#files.values()].flatMap(({ good: decoded }) => (decoded === undefined ? [] : [decoded]));
    return buildModel(good.map((decoded) => ({ role: 'manifest', decoded })));
  }

  /** What is wrong, one line each. */
  problems(): string[] {
    return [...this.#files.values()].flatMap(({ problems }) =>
      problems.map(
        ({ file, position, object, path, message }) =>
          `${file}:${position.line}:${position.column}: ${object} ${path}: ${message}`,
      ),
    );
  }

  /** Looks now, and does not wait for the next turn. */
  refresh(): void {
    if (this.#look()) this.#onChange();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #later(): void {
    if (this.#closed) return;
    this.#timer = this.#clock.setTimeout(
      () => {
        this.refresh();
        this.#later();
      },
      MANIFEST_POLL_MS,
      { background: true },
    );
  }

  #look(): boolean {
    const found = new Map<string, KnownFile>();
    let changed = false;
    for (const path of this.#folders.flatMap(listManifests)) {
      const known = this.#files.get(path);
      const file = readAgain(path, known);
      if (file === undefined) continue;
      found.set(path, file);
      changed ||= file !== known;
    }
    changed ||= found.size !== this.#files.size;
    this.#files = found;
    return changed;
  }
}

/** Writes a file so that no reader sees half of it: under another name first. */
export function writeWhole(path: string, text: string): void {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const draft = join(path, '..', `.${name}.tmp`);
  writeFileSync(draft, text);
  renameSync(draft, path);
}

/** A folder in which named manifests are put and replaced. */
export class ManifestStore {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  put(name: string, text: string): void {
    writeWhole(this.#path(name), text);
  }

  remove(name: string): void {
    rmSync(this.#path(name), { force: true });
  }

  #path(name: string): string {
    if (!/^[a-z0-9][a-z0-9_-]*$/.test(name)) {
      throw new AmbitError(
        'AMBIT_BED_MANIFEST',
        `${JSON.stringify(name)} is not a name for a manifest (lower-case letters, digits, hyphens, underscores)`,
      );
    }
    return join(this.folder, `${name}.yaml`);
  }
}

function listManifests(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => MANIFEST.test(name) && !OBSERVATION.test(name))
      .map((name) => join(folder, name));
  } catch (error) {
    throw new AmbitError('AMBIT_BED_MANIFEST', `cannot read the manifests: ${messageOf(error)}`, {
      source: 'configuration',
      cause: error,
    });
  }
}

function readAgain(path: string, known: KnownFile | undefined): KnownFile | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isFile()) return undefined;
  const mark = `${stat.ino} ${stat.mtimeMs} ${stat.size}`;
  if (known?.mark === mark) return known;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // Gone or replaced between the two looks: the next one sees what became of it.
    return known;
  }
  const decoded = decodeManifests(path, text);
  return { mark, good: decoded.problems.length === 0 ? decoded : known?.good, problems: decoded.problems };
}
