import { createHash } from 'node:crypto';
import { AmbitError } from '@ambit/core/errors';
import type { StateName } from '../keeper/packets.ts';

// One file holds one state: a magic word, the length of the header, the header (JSON), the content, and the SHA-256 digest
// of all that stands before it.

const MAGIC = Buffer.from('AMBITSNP', 'latin1');
const DIGEST = 'sha256';
const DIGEST_BYTES = 32;
const PREFIX_BYTES = MAGIC.length + 4;
/** The header holds four short fields. */
const MAX_HEADER_BYTES = 1_024;
/** Raised when the layout of the file changes; the release stands for the layout of the content. */
const LAYOUT = 1;

export interface SnapshotHeader {
  readonly state: StateName;
  /** Release of the program: another one may read the content differently, so it does not read it at all. */
  readonly release: string;
  /** Milliseconds since the epoch, for people. */
  readonly writtenAt: number;
}

/** What goes into a file, in parts to be written one after the other; `content` is not copied. */
export function encodeSnapshot(header: SnapshotHeader, content: Uint8Array): Uint8Array[] {
  const text = Buffer.from(JSON.stringify({ layout: LAYOUT, length: content.length, ...header }));
  const prefix = Buffer.alloc(PREFIX_BYTES);
  MAGIC.copy(prefix);
  prefix.writeUInt32LE(text.length, MAGIC.length);
  const digest = createHash(DIGEST).update(prefix).update(text).update(content).digest();
  return [prefix, text, content, digest];
}

/** The content of a file. Throws `AMBIT_SNAPSHOT_REFUSED`: damaged, of another release, or of another state. */
export function decodeSnapshot(bytes: Buffer, wanted: Pick<SnapshotHeader, 'release' | 'state'>): Buffer {
  if (bytes.length < PREFIX_BYTES + DIGEST_BYTES || bytes.compare(MAGIC, 0, MAGIC.length, 0, MAGIC.length) !== 0)
    throw refused('it is no snapshot');
  const begin = PREFIX_BYTES + bytes.readUInt32LE(MAGIC.length);
  const end = bytes.length - DIGEST_BYTES;
  if (begin - PREFIX_BYTES > MAX_HEADER_BYTES || begin > end) throw refused('its header does not fit');
  const digest = createHash(DIGEST).update(bytes.subarray(0, end)).digest();
  if (digest.compare(bytes, end) !== 0) throw refused('its digest is wrong: it is damaged or was not finished');
  const header = readHeader(bytes.subarray(PREFIX_BYTES, begin));
  const said = JSON.stringify([header.layout, header.release, header.state]);
  const expected = JSON.stringify([LAYOUT, wanted.release, wanted.state]);
  if (said !== expected) throw refused(`it was written as ${said.slice(0, 100)}, not as ${expected}`);
  if (header.length !== end - begin) throw refused('its length is wrong');
  return bytes.subarray(begin, end);
}

function readHeader(text: Buffer): Readonly<Record<string, unknown>> {
  try {
    const header: unknown = JSON.parse(text.toString('utf8'));
    if (typeof header === 'object' && header !== null) return header as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw refused('its header cannot be read');
}

function refused(why: string): AmbitError {
  return new AmbitError('AMBIT_SNAPSHOT_REFUSED', why, { source: 'system' });
}
