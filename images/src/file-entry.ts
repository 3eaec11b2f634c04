import { readFileSync, statSync } from 'node:fs';
import type { TarEntry } from './tar.ts';

/** A file of this machine under a path of the image. Of its mode only survives whether it may be run: the rest is the umask's. */
export function fileEntry(path: string, source: string): TarEntry {
  const mode = (statSync(source).mode & 0o111) === 0 ? 0o644 : 0o755;
  return { kind: 'file', path, mode, content: [readFileSync(source)] };
}

export function textEntry(path: string, text: string): TarEntry {
  return { kind: 'file', path, mode: 0o644, content: [Buffer.from(text)] };
}
