import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@ambit/core/clock';
import { ZdsClient, type ZdsState } from './client.ts';
import type { PodOwner, RemovalReason } from './client/pod-table.ts';
import type { PodInfo } from './messages.ts';

/** Waits for a condition that becomes true soon. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`timed out: ${what}`);
}

/** A folder for a socket, and open files that stand for network namespaces: what counts is device and inode. */
export class Surroundings {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'zds-'));
  readonly path: string = join(this.folder, 'ztunnel.sock');
  readonly #open: number[] = [];

  /** A descriptor that stays open until `remove`. */
  namespace(name: string): number {
    const fd = this.lend(name);
    this.#open.push(fd);
    return fd;
  }

  /** A descriptor that whoever gets it closes. */
  lend(name: string): number {
    const file = join(this.folder, name);
    writeFileSync(file, name);
    return openSync(file, 'r');
  }

  remove(): void {
    for (const fd of this.#open) closeSync(fd);
    rmSync(this.folder, { recursive: true });
  }
}

/** A proxy that notes what it is asked to do. */
export class NotingProxy implements PodOwner {
  readonly notes: string[] = [];
  readonly problems: string[] = [];
  readonly client: ZdsClient;
  /** Uid -> what `onAdd` does; default: it serves. */
  readonly trouble: Map<string, () => Promise<void>> = new Map();
  state: ZdsState | undefined;

  constructor(path: string) {
    this.client = new ZdsClient({
      path,
      clock: systemClock,
      owner: this,
      onState: (state) => {
        this.state = state;
      },
      onProblem: ({ code, message }) => this.problems.push(`${code}: ${message}`),
    });
  }

  async onAdd(uid: string, info: PodInfo, _namespace: number): Promise<void> {
    this.notes.push(`add ${uid} ${info.namespace}/${info.name}/${info.serviceAccount}`);
    await this.trouble.get(uid)?.();
  }

  onRemove(uid: string, _namespace: number, reason: RemovalReason): Promise<void> {
    this.notes.push(`${reason} ${uid}`);
    return Promise.resolve();
  }

  onPlaintextRedirected(uid: string, redirected: boolean): void {
    this.notes.push(`${uid} ${redirected ? 'redirected' : 'not redirected'}`);
  }

  async synced(): Promise<void> {
    await until(() => this.state?.connected === true && this.state.synced, 'the proxy has its snapshot');
  }
}
