import { readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AmbitError } from '@ambit/core/errors';
import { writeAtomically } from '../atomic-file.ts';
import { CONFIG_FILE_BYTES } from '../limits.ts';
import { isSingle, otherPlugins, PLUGIN_TYPE, type PluginEntry, withoutPlugin, withPlugin } from './network-list.ts';

/** Under this ending a single configuration is kept that had to become a list. Runtimes do not read it. */
const SAVED = '.ambit-saved';

/** The node's folder of network configurations, of which the container runtime takes the first by name. */
export class ConfigFolder {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Puts the plugin into the configuration that is in force. Returns the file's name when it was changed. Throws
   * `AMBIT_CNI_NO_NETWORK` when there is none, `AMBIT_CNI_NETWORK_CONFIG` when it cannot take the plugin.
   */
  insert(entry: PluginEntry): string | undefined {
    const file = this.#files()[0];
    if (file === undefined) {
      throw new AmbitError(
        'AMBIT_CNI_NO_NETWORK',
        `there is no network configuration in ${this.#directory} yet (*.conf, *.conflist): is the cluster's own network plugin installed, and is this the folder that the container runtime reads?`,
        { source: 'configuration', retryable: true },
      );
    }
    const path = join(this.#directory, file);
    const changed = withPlugin(this.#read(file), file, entry);
    if (changed === undefined) return undefined;
    const target = isSingle(file) ? path.replace(/\.[a-z]+$/, '.conflist') : path;
    const { mode, uid, gid } = statSync(path);
    writeAtomically(target, changed, { mode: mode & 0o777, owner: { uid, gid } });
    // The single one comes first by name and would stay in force.
    if (target !== path) renameSync(path, path + SAVED);
    return file;
  }

  /**
   * Takes the plugin out of every configuration, and puts single ones back. Returns the names of the files that were changed.
   * What another program has broken does not stop it, unless our plugin is named in there: then it throws
   * `AMBIT_CNI_NETWORK_CONFIG`, after it has seen to the others.
   */
  remove(): string[] {
    const removed: string[] = [];
    const problems: AmbitError[] = [];
    for (const file of this.#files()) {
      try {
        if (this.#removeFrom(file)) removed.push(file);
      } catch (error) {
        if (!(error instanceof AmbitError)) throw error;
        if (this.#names(file)) problems.push(error);
      }
    }
    if (problems[0] !== undefined) throw problems[0];
    return removed;
  }

  #removeFrom(file: string): boolean {
    const path = join(this.#directory, file);
    const changed = withoutPlugin(this.#read(file), file);
    if (changed === undefined) return false;
    const saved = this.#savedFor(file);
    if (saved !== undefined && otherPlugins(changed, file) === 1) {
      renameSync(saved, saved.slice(0, -SAVED.length));
      rmSync(path);
    } else {
      const { mode, uid, gid } = statSync(path);
      writeAtomically(path, changed, { mode: mode & 0o777, owner: { uid, gid } });
    }
    return true;
  }

  /** Whether our plugin may be in a file that cannot be understood. */
  #names(file: string): boolean {
    const path = join(this.#directory, file);
    return statSync(path).size > CONFIG_FILE_BYTES || readFileSync(path, 'utf8').includes(`"${PLUGIN_TYPE}"`);
  }

  #savedFor(list: string): string | undefined {
    const stem = list.replace(/\.conflist$/, '');
    return ['.conf', '.json']
      .map((ending) => join(this.#directory, stem + ending + SAVED))
      .find((path) => statSync(path, { throwIfNoEntry: false }) !== undefined);
  }

  /** As libcni lists them: by name, byte for byte. */
  #files(): string[] {
    return readdirSync(this.#directory, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && /\.(conf|conflist|json)$/.test(entry.name))
      .map(({ name }) => name)
      .toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
  }

  #read(file: string): string {
    const path = join(this.#directory, file);
    const { size } = statSync(path);
    if (size > CONFIG_FILE_BYTES)
      throw new AmbitError(
        'AMBIT_CNI_NETWORK_CONFIG',
        `${path} has ${size} bytes; more than ${CONFIG_FILE_BYTES} are not read`,
      );
    return readFileSync(path, 'utf8');
  }
}
