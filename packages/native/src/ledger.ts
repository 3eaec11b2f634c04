import { AmbitError } from '@ambit/core/errors';
import { close } from './descriptor.ts';
import { LEDGER_DESCRIPTORS, LEDGER_OBJECTS } from './limits.ts';
import { type HandleKind, freeHandle } from './openssl-handle.ts';

// Words of the header.
const CLOSED = 0;
const FREE_SLOT = 1;
const SLOTS_USED = 2;
const DESCRIPTORS_END = 3;
const HEADER_BYTES = 64;

const KINDS_OFFSET = HEADER_BYTES;
const ADDRESSES_OFFSET = KINDS_OFFSET + LEDGER_OBJECTS * 4;
const DESCRIPTORS_OFFSET = ADDRESSES_OFFSET + LEDGER_OBJECTS * 8;
const TOTAL_BYTES = DESCRIPTORS_OFFSET + LEDGER_DESCRIPTORS;

/**
 * The native handles of one thread, in shared memory: descriptors and OpenSSL objects outlive the thread that made
 * them, so whoever supervises the thread closes what a dead one left. The thread writes it while it lives; `closeAll`
 * is for afterwards, from any thread, and acts once. Untouched pages of the memory are never resident.
 */
export class Ledger {
  readonly #header: Int32Array;
  /** Kind of the object in a slot; in a free slot, minus the number of the next free one. */
  readonly #kinds: Int32Array;
  readonly #addresses: Float64Array;
  readonly #descriptors: Uint8Array;

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(TOTAL_BYTES);
  }

  constructor(memory: SharedArrayBuffer) {
    this.#header = new Int32Array(memory, 0, HEADER_BYTES / 4);
    this.#kinds = new Int32Array(memory, KINDS_OFFSET, LEDGER_OBJECTS);
    this.#addresses = new Float64Array(memory, ADDRESSES_OFFSET, LEDGER_OBJECTS);
    this.#descriptors = new Uint8Array(memory, DESCRIPTORS_OFFSET, LEDGER_DESCRIPTORS);
  }

  addDescriptor(fd: number): void {
    if (fd < 0 || fd >= LEDGER_DESCRIPTORS) {
      throw new AmbitError('AMBIT_LEDGER', `descriptor ${fd} is not below ${LEDGER_DESCRIPTORS}: lower RLIMIT_NOFILE`, {
        source: 'system',
      });
    }
    this.#descriptors[fd] = 1;
    if (fd >= (this.#header[DESCRIPTORS_END] ?? 0)) this.#header[DESCRIPTORS_END] = fd + 1;
  }

  hasDescriptor(fd: number): boolean {
    return this.#descriptors[fd] === 1;
  }

  /** To be called before the descriptor is closed: its number may belong to another thread right after. */
  removeDescriptor(fd: number): void {
    this.#descriptors[fd] = 0;
  }

  /** Notes an OpenSSL object and returns its slot, for `removeObject`. */
  addObject(kind: HandleKind, address: number): number {
    const free = this.#header[FREE_SLOT] ?? 0;
    let slot = free - 1;
    if (free !== 0) {
      this.#header[FREE_SLOT] = -(this.#kinds[slot] ?? 0);
    } else {
      slot = this.#header[SLOTS_USED] ?? 0;
      if (slot >= LEDGER_OBJECTS) {
        throw new AmbitError('AMBIT_LEDGER', `the thread holds ${LEDGER_OBJECTS} OpenSSL objects already`, {
          source: 'system',
        });
      }
      this.#header[SLOTS_USED] = slot + 1;
    }
    this.#addresses[slot] = address;
    this.#kinds[slot] = kind;
    return slot;
  }

  /** To be called before the object is freed. */
  removeObject(slot: number): void {
    this.#kinds[slot] = -(this.#header[FREE_SLOT] ?? 0);
    this.#addresses[slot] = 0;
    this.#header[FREE_SLOT] = slot + 1;
  }

  /** Descriptors and objects noted now; counts them, so not for hot paths. */
  size(): { readonly descriptors: number; readonly objects: number } {
    let descriptors = 0;
    const end = this.#header[DESCRIPTORS_END] ?? 0;
    for (let fd = 0; fd < end; fd += 1) descriptors += this.#descriptors[fd] ?? 0;
    let objects = 0;
    const used = this.#header[SLOTS_USED] ?? 0;
    for (let slot = 0; slot < used; slot += 1) if ((this.#addresses[slot] ?? 0) !== 0) objects += 1;
    return { descriptors, objects };
  }

  /** Frees and closes everything that is noted; returns how much that was. A second call, from whichever thread, finds nothing. */
  closeAll(): number {
    if (Atomics.compareExchange(this.#header, CLOSED, 0, 1) !== 0) return 0;
    let closed = 0;
    const used = this.#header[SLOTS_USED] ?? 0;
    for (let slot = 0; slot < used; slot += 1) {
      const address = this.#addresses[slot] ?? 0;
      if (address === 0) continue;
      freeHandle(this.#kinds[slot] as HandleKind, address);
      closed += 1;
    }
    const end = this.#header[DESCRIPTORS_END] ?? 0;
    for (let fd = 0; fd < end; fd += 1) {
      if (this.#descriptors[fd] !== 1) continue;
      close(fd);
      closed += 1;
    }
    return closed;
  }
}
