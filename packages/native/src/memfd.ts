import { fstatSync, readSync, writeSync } from 'node:fs';
import { AmbitError } from '@ambit/core/errors';
import { guarded } from './descriptor.ts';
import { throwErrno } from './errno.ts';
import { libc } from './internal/library.ts';
import { cString } from './memory.ts';

const memfdCreate = libc('memfd_create', 'int', ['uintptr_t', 'uint32_t']);
const fcntl = libc('fcntl', 'int', ['int', 'int', 'int']);

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
const F_GET_SEALS = 1034;
/** F_SEAL_SEAL, SHRINK, GROW and WRITE: nobody can change the file any more, its maker included. */
const ALL_SEALS = 0x1 | 0x2 | 0x4 | 0x8;

/** A file in memory that holds `content` and cannot be changed. `name` only shows in /proc/<pid>/fd. */
export function sealedMemoryFile(name: string, content: Uint8Array): number {
  const fd = memfdCreate(cString(name), MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) throwErrno('memfd_create', name);
  return guarded(fd, () => {
    for (let written = 0; written < content.length; )
      written += writeSync(fd, content, written, content.length - written);
    if (fcntl(fd, F_ADD_SEALS, ALL_SEALS) < 0) throwErrno('fcntl', `seal ${name}`);
  });
}

/** The content. Throws `AMBIT_MEMORY_FILE` when the file is not sealed: its sender could still change it. */
export function readSealedMemoryFile(fd: number): Buffer {
  const seals = fcntl(fd, F_GET_SEALS, 0);
  if (seals < 0) throwErrno('fcntl', `seals of descriptor ${fd}`);
  if ((seals & ALL_SEALS) !== ALL_SEALS)
    throw new AmbitError('AMBIT_MEMORY_FILE', `descriptor ${fd} is a memory file that is not sealed`);
  const content = Buffer.allocUnsafe(fstatSync(fd).size);
  for (let filled = 0; filled < content.length; ) {
    const count = readSync(fd, content, filled, content.length - filled, filled);
    if (count === 0)
      throw new AmbitError('AMBIT_MEMORY_FILE', `descriptor ${fd} ends after ${filled} of ${content.length} bytes`);
    filled += count;
  }
  return content;
}
