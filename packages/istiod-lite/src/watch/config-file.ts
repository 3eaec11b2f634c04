import type { Stats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { messageOf } from '@ambit/core/errors';
import { type DecodedFile, decodeManifests } from '@ambit/translation/decode';
import { MAX_FILE_BYTES } from '@ambit/translation/limits';
import type { ManifestProblem } from '@ambit/translation/manifest/problem';
import { SETTLE_MS } from '../limits.ts';
import type { LastGoodStore } from './last-good.ts';

export type FileRole = 'manifest' | 'observation';

/** What a scan of one file found. */
export type FileOutcome =
  /** As before. */
  | 'unchanged'
  /** Still being written; look again after SETTLE_MS. */
  | 'unsettled'
  /** Its objects are other ones now. */
  | 'taken'
  /** It cannot be taken; what it held before stays in force. */
  | 'refused';

/** One file of a configuration directory: its last good objects, and what is wrong with it now. */
export class ConfigFile {
  readonly path: string;
  readonly role: FileRole;
  /** Undefined until the file was good once. */
  good: DecodedFile | undefined;
  problems: readonly ManifestProblem[] = [];
  readonly #lastGood: LastGoodStore;
  /** What the file looked like when it was last read, and in the scan before this one. */
  #read = '';
  #seen: { readonly signature: string; readonly at: number } | undefined;

  constructor(path: string, lastGood: LastGoodStore) {
    this.path = path;
    this.role = /\.status\.(?:ya?ml|json)$/.test(path) ? 'observation' : 'manifest';
    this.#lastGood = lastGood;
  }

  /** Reads the file when it looks different than at the last reading and has looked so for a moment. */
  async scan(now: number): Promise<FileOutcome> {
    const before = await signatureOf(this.path);
    if (before === this.#read) return 'unchanged';
    if (this.#seen?.signature !== before) this.#seen = { signature: before, at: now };
    if (now - this.#seen.at < SETTLE_MS) return 'unsettled';
    const text = await readText(this.path);
    if ((await signatureOf(this.path)) !== before) return 'unsettled';
    this.#read = before;
    return await this.#take(text);
  }

  async #take(text: { readonly text: string } | { readonly error: string }): Promise<FileOutcome> {
    const decoded = 'text' in text ? decodeText(this.path, text.text) : unreadable(this.path, text.error);
    this.problems = decoded.problems;
    if (decoded.problems.length === 0 && 'text' in text) {
      this.good = decoded;
      await this.#lastGood.keep(this.path, text.text);
      return 'taken';
    }
    if (this.good === undefined) {
      const kept = await this.#lastGood.recall(this.path);
      const recalled = kept === undefined ? undefined : decodeManifests(this.path, kept);
      if (recalled?.problems.length === 0) this.good = recalled;
    }
    return 'refused';
  }
}

// A writer that truncates before it writes, or died between the two, must not delete every object of the file.
function decodeText(path: string, text: string): DecodedFile {
  return text.trim() === ''
    ? unreadable(path, 'the file is empty; remove it to remove its objects')
    : decodeManifests(path, text);
}

function unreadable(path: string, message: string): DecodedFile {
  const problem: ManifestProblem = { file: path, position: { line: 1, column: 1 }, object: '', path: '', message };
  return { file: path, objects: [], ignored: [], problems: [problem] };
}

async function readText(path: string): Promise<{ text: string } | { error: string }> {
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES) return { error: `the file is larger than ${MAX_FILE_BYTES} bytes` };
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path)) };
  } catch (error) {
    return { error: `the file cannot be read: ${messageOf(error)}` };
  }
}

async function signatureOf(path: string): Promise<string> {
  try {
    return signature(await stat(path));
  } catch (error) {
    return `unreadable: ${messageOf(error)}`;
  }
}

function signature({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return [dev, ino, size, mtimeMs, ctimeMs].join(' ');
}
