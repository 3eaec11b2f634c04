import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AmbitError } from '@ambit/core/errors';
import type { ProcessIdentity } from './process-identity.ts';

/** What a cluster remembers of its start, for processes that come later. */
export interface ClusterRecord {
  readonly nodes: number;
  /** Folders of the parts it was made of, by name. */
  readonly parts: Readonly<Record<string, string>>;
  /** Who brings it up, or did. */
  readonly starter: ProcessIdentity;
}

const RECORD = 'cluster.json';
const READY = 'ready';

/** Undefined when there is none, or not a whole one: an earlier start was cut short. */
export function readRecord(state: string): ClusterRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(state, RECORD), 'utf8')) as ClusterRecord;
  } catch {
    return undefined;
  }
}

/** Takes the folder. Throws `AMBIT_CLUSTER_BUSY` when another process took it meanwhile. */
export function claimState(state: string, record: ClusterRecord): void {
  mkdirSync(state, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(join(state, RECORD), JSON.stringify(record), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    throw new AmbitError('AMBIT_CLUSTER_BUSY', `${state} is taken by another process`, { cause: error });
  }
  for (const folder of ['log', 'pki']) mkdirSync(join(state, folder), { mode: 0o700 });
}

export function markReady(state: string): void {
  writeFileSync(join(state, READY), '');
}

export function isReady(state: string): boolean {
  try {
    readFileSync(join(state, READY));
    return true;
  } catch {
    return false;
  }
}
