import { readFileSync } from 'node:fs';

export interface ProcessMemory {
  /** Bytes that belong to the process alone: heap, stacks, buffers. */
  readonly anonymous: number;
  /** Resident bytes with file pages, of which all processes of one program share most. */
  readonly resident: number;
}

/** From /proc/PID/smaps_rollup. Throws when the process is gone or belongs to somebody else. */
export function processMemory(pid: number, proc = '/proc'): ProcessMemory {
  const text = readFileSync(`${proc}/${pid}/smaps_rollup`, 'latin1');
  const bytes = (field: string): number => Number(new RegExp(`^${field}: +([0-9]+) kB$`, 'm').exec(text)?.[1]) * 1024;
  return { anonymous: bytes('Anonymous'), resident: bytes('Rss') };
}
