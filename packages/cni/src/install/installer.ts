import { type FSWatcher, readFileSync, rmSync, watch } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Timer } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import { messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import { writeAtomically } from '../atomic-file.ts';
import { CONFIG_POLL_MS, CONFIG_SETTLE_MS } from '../limits.ts';
import { INSTALL_READY, INSTALLS } from '../metric-families.ts';
import type { AgentMetrics } from '../metrics.ts';
import type { ConfigFolder } from './config-folder.ts';
import { PLUGIN_TYPE, type PluginEntry } from './network-list.ts';

export interface InstallerOptions {
  /** The plugin in the image. */
  readonly source: string;
  /** The node's folders, as mounted here. */
  readonly binDirectory: string;
  readonly configDirectory: string;
  readonly folder: ConfigFolder;
  readonly entry: PluginEntry;
  /** Whether the node's container runtime goes by the configuration with which a pod was made. */
  readonly runtimeRemembers: () => boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: AgentMetrics;
}

/** Keeps the plugin installed on the node, whatever other programs do to the same folders. */
export class Installer implements Drainable {
  readonly #options: InstallerOptions;
  readonly #watchers: FSWatcher[] = [];
  #settling: Timer | undefined;
  #poll: Timer | undefined;
  #problem: string | undefined = 'not installed yet';
  #started = false;

  constructor(options: InstallerOptions) {
    this.#options = options;
  }

  /** Why the plugin is not in force; undefined when it is. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Installs the plugin and keeps it so. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#install();
    for (const directory of [this.#options.configDirectory, this.#options.binDirectory]) this.#watch(directory);
    this.#pollLater();
  }

  /** Takes the plugin out of the configuration, until `start`. */
  withdraw(): void {
    this.destroy();
    const { folder, log, metrics } = this.#options;
    this.#problem = undefined;
    metrics.set(INSTALL_READY, 0);
    const files = folder.remove();
    log.info({ files }, 'the plugin is taken out of the network configuration of the node');
  }

  /**
   * Takes the program away, some time after `withdraw`. It stays where the runtime deletes a pod's network by the
   * configuration that it was made with: there a missing program would keep every such pod for ever.
   */
  removeProgram(): void {
    if (!this.#options.runtimeRemembers()) rmSync(join(this.#options.binDirectory, PLUGIN_TYPE), { force: true });
  }

  close(): Promise<void> {
    this.destroy();
    return Promise.resolve();
  }

  destroy(): void {
    this.#started = false;
    this.#settling?.cancel();
    this.#settling = undefined;
    this.#poll?.cancel();
    for (const watcher of this.#watchers.splice(0)) watcher.close();
  }

  #install(): void {
    const { entry, folder, log, metrics } = this.#options;
    try {
      // The program first: a configuration that names a missing one would keep every pod from starting.
      this.#copy();
      const file = folder.insert(entry);
      this.#problem = undefined;
      metrics.set(INSTALL_READY, 1);
      if (file === undefined) return;
      metrics.count(INSTALLS, 'ok');
      log.info({ file }, 'the plugin stands in the network configuration of the node');
    } catch (error) {
      metrics.set(INSTALL_READY, 0);
      const problem = messageOf(error);
      if (problem === this.#problem) return;
      this.#problem = problem;
      metrics.count(INSTALLS, 'failed');
      log.error({ error: problem }, 'the plugin cannot be installed; it is tried again');
    }
  }

  #copy(): void {
    const { binDirectory, source } = this.#options;
    const target = join(binDirectory, PLUGIN_TYPE);
    const wanted = readFileSync(source);
    if (isSame(target, wanted)) return;
    writeAtomically(target, wanted, { mode: 0o755 });
  }

  #watch(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, () => this.#soon());
      watcher.on('error', (error) => this.#blind(directory, error));
      this.#watchers.push(watcher);
    } catch (error) {
      this.#blind(directory, error);
    }
  }

  #blind(directory: string, error: unknown): void {
    this.#options.log.warn({ directory, error: messageOf(error) }, 'changes are seen only every ten seconds');
  }

  #soon(): void {
    if (!this.#started) return;
    this.#settling ??= this.#options.clock.setTimeout(() => {
      this.#settling = undefined;
      if (this.#started) this.#install();
    }, CONFIG_SETTLE_MS);
  }

  #pollLater(): void {
    this.#poll = this.#options.clock.setTimeout(() => {
      if (!this.#started) return;
      this.#install();
      this.#pollLater();
    }, CONFIG_POLL_MS);
  }
}

function isSame(path: string, wanted: Buffer): boolean {
  try {
    return readFileSync(path).equals(wanted);
  } catch {
    return false;
  }
}
