import { readFileSync } from 'node:fs';
import { AmbitError } from '@ambit/core/errors';

/** The version of this program, that of its package; the images of a release carry it as their tag. */
export const RELEASE: string = readRelease();

function readRelease(): string {
  const file = new URL('../package.json', import.meta.url);
  const read: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (typeof read === 'object' && read !== null && 'version' in read && typeof read.version === 'string') {
    return read.version;
  }
  throw new AmbitError('AMBIT_INTERNAL', `${file.pathname} names no version`);
}
