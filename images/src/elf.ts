import { AmbitError } from '@ambit/core/errors';

/** Offsets in the header of a 64-bit ELF file and in its program headers (System V ABI, chapters 4 and 5). */
const HEADER = {
  ...{ class: 4, order: 5, programTable: 32, sectionTable: 40, programSize: 54, programCount: 56 },
  ...{ sectionCount: 60, sectionNames: 62 },
};
const PROGRAM = { type: 0, offset: 8, fileSize: 32 };
const INTERPRETER = 3;

/**
 * The part of a program or library that is there at run time: what its program headers map. Symbols for debuggers and the
 * table of sections, which only linkers and debuggers read, are left out; symbols that `dlsym` finds stay.
 * Throws `AMBIT_IMAGE_ELF` for what is no 64-bit little-endian ELF file.
 */
export function loadedPart(name: string, file: Buffer): Buffer {
  const ends = programs(name, file).map(
    (at) => bigField(file, at + PROGRAM.offset) + bigField(file, at + PROGRAM.fileSize),
  );
  const part = Buffer.from(file.subarray(0, Math.max(...ends)));
  part.writeBigUInt64LE(0n, HEADER.sectionTable);
  part.writeUInt16LE(0, HEADER.sectionCount);
  part.writeUInt16LE(0, HEADER.sectionNames);
  return part;
}

/** The path of the loader that the kernel starts for the program; undefined for a static one. Throws `AMBIT_IMAGE_ELF`. */
export function interpreterOf(name: string, file: Buffer): string | undefined {
  const at = programs(name, file).find((header) => file.readUInt32LE(header + PROGRAM.type) === INTERPRETER);
  if (at === undefined) return undefined;
  const offset = bigField(file, at + PROGRAM.offset);
  // Without the byte that ends it.
  return file.toString('latin1', offset, offset + bigField(file, at + PROGRAM.fileSize) - 1);
}

/** Offsets of the program headers. */
function programs(name: string, file: Buffer): number[] {
  const little64 = file[HEADER.class] === 2 && file[HEADER.order] === 1;
  if (file.length < 64 || file.toString('latin1', 0, 4) !== '\x7fELF' || !little64) {
    throw new AmbitError('AMBIT_IMAGE_ELF', `${name} is no 64-bit little-endian ELF file`, { source: 'configuration' });
  }
  const first = bigField(file, HEADER.programTable);
  const size = file.readUInt16LE(HEADER.programSize);
  return Array.from({ length: file.readUInt16LE(HEADER.programCount) }, (_, index) => first + index * size);
}

function bigField(file: Buffer, at: number): number {
  return Number(file.readBigUInt64LE(at));
}
