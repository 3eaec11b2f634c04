import { AmbitError } from '@ambit/core/errors';

/** A path of a tar archive: relative to its root, with `/` between the parts and none at the ends. */
export type TarEntry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly content: Content }
  | { readonly kind: 'link'; readonly path: string; readonly target: string };

/** Bytes in pieces, so that what is large is never copied to be joined. */
export type Content = readonly Uint8Array[];

const BLOCK = 512;
const TYPE = { file: '0', link: '2', directory: '5' } as const;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;

/**
 * A USTAR archive (POSIX.1-1988) of the entries and of the directories above them (mode 755): sorted by path, owned by 0:0,
 * of time 0, so that the same entries make the same bytes. Throws `AMBIT_IMAGE_PATH` for a path that the format cannot hold
 * or that stands twice.
 */
export function tarOf(entries: readonly TarEntry[]): Content {
  const pieces: Uint8Array[] = [];
  for (const entry of sorted(withParents(entries))) {
    const content = entry.kind === 'file' ? entry.content : [];
    const size = sizeOf(content);
    pieces.push(header(entry, size), ...content);
    const rest = size % BLOCK;
    if (rest > 0) pieces.push(new Uint8Array(BLOCK - rest));
  }
  pieces.push(new Uint8Array(2 * BLOCK));
  return pieces;
}

export function sizeOf(content: Content): number {
  return content.reduce((total, piece) => total + piece.length, 0);
}

function sorted(entries: readonly TarEntry[]): TarEntry[] {
  // By code unit: an order that no locale changes, and in which a directory stands before what is in it.
  return entries.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

function withParents(entries: readonly TarEntry[]): TarEntry[] {
  const all = new Map<string, TarEntry>();
  for (const entry of entries) {
    if (all.has(entry.path)) throw unfit(entry.path, 'stands twice in one layer');
    all.set(entry.path, entry);
  }
  for (const { path } of entries) {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth += 1) {
      const parent = parts.slice(0, depth).join('/');
      const there = all.get(parent);
      if (there === undefined) all.set(parent, { kind: 'directory', path: parent, mode: 0o755 });
      else if (there.kind !== 'directory') throw unfit(path, `lies below ${parent}, which is a ${there.kind}`);
    }
  }
  return [...all.values()];
}

function header(entry: TarEntry, size: number): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const { name, prefix } = splitPath(entry);
  const target = entry.kind === 'link' ? entry.target : '';
  if (Buffer.byteLength(target) > NAME_BYTES)
    throw unfit(entry.path, `links to a path longer than ${NAME_BYTES} bytes`);
  block.write(name, 0);
  block.write(octal(entry.kind === 'link' ? 0o777 : entry.mode, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(size, 12), 124);
  block.write(octal(0, 12), 136);
  block.write(TYPE[entry.kind], 156);
  block.write(target, 157);
  block.write('ustar\x0000', 257);
  block.write(octal(0, 8), 329);
  block.write(octal(0, 8), 337);
  block.write(prefix, 345);
  // The sum is taken with its own field full of spaces.
  block.write(' '.repeat(8), 148);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function splitPath(entry: TarEntry): { name: string; prefix: string } {
  const path = entry.kind === 'directory' ? `${entry.path}/` : entry.path;
  if (Buffer.byteLength(path) <= NAME_BYTES) return { name: path, prefix: '' };
  for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
    const prefix = path.slice(0, at);
    const name = path.slice(at + 1);
    if (name !== '' && Buffer.byteLength(name) <= NAME_BYTES && Buffer.byteLength(prefix) <= PREFIX_BYTES) {
      return { name, prefix };
    }
  }
  throw unfit(entry.path, `is longer than USTAR can hold (${PREFIX_BYTES} and ${NAME_BYTES} bytes around a slash)`);
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, '0')}\0`;
}

function unfit(path: string, why: string): AmbitError {
  return new AmbitError('AMBIT_IMAGE_PATH', `${path} ${why}`, { source: 'configuration' });
}
