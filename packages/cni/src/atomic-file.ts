import { chmodSync, chownSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

export interface AtomicFileOptions {
  readonly mode: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** Replaces a file so that whoever opens it sees the old content or the new, and never a part. */
export function writeAtomically(path: string, content: string | Buffer, { mode, owner }: AtomicFileOptions): void {
  // A dot in front and no known ending: nobody who reads the folder takes it for one of its files.
  const draft = join(dirname(path), `.${basename(path)}.ambit-draft`);
  rmSync(draft, { force: true });
  try {
    // `wx`: a link that somebody put there meanwhile is not followed.
    writeFileSync(draft, content, { mode: 0o600, flag: 'wx' });
    finish(draft, path, mode, owner);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

function finish(draft: string, path: string, mode: number, owner: AtomicFileOptions['owner']): void {
  if (owner !== undefined) chownSync(draft, owner.uid, owner.gid);
  // Not by writeFileSync, which the umask narrows.
  chmodSync(draft, mode);
  renameSync(draft, path);
}
