/** A data thread that has not turned its loop for this long is replaced, milliseconds. The loop turns every 500 ms at the latest. */
export const STALL_AFTER = 2_000;

/** How long the start of something waits for its certificate, milliseconds; less than the node agent waits for an answer. */
export const CERTIFICATE_HEAD_START = 4_000;

/** Bytes of access-log lines that one data thread gathers before it hands them to the main thread. */
export const LOG_BYTES = 262_144;

/** Such portions that may wait for the main thread. Lines beyond them are dropped and counted. */
export const LOG_REPORTS = 8;

/**
 * Descriptors that connections leave to everything else: certificates, the way to the controller, snapshots, scrapes, and
 * listeners of pods that come. At most a quarter of the limit of the process, and never more than half of what is left of it.
 */
export const DESCRIPTORS_RESERVED = 4_096;

/** How often it is looked at how many descriptors connections may hold, milliseconds. */
export const DESCRIPTOR_LOOK = 1_000;

/** On kernels that do not count descriptors, the pause between two looks is at least so many times as long as one took. */
export const DESCRIPTOR_LOOK_SHARE = 20;

/** How often the log says again that descriptors are short, milliseconds. */
export const DESCRIPTOR_LOG_INTERVAL = 60_000;

/** How often the log says again that faults of the same kind happen in data threads, milliseconds. */
export const FAULT_LOG_INTERVAL = 1_000;

/** How often a proxy looks whether the mesh trusts another root, milliseconds. */
export const ROOTS_LOOK = 10_000;

/** How long it waits after that before it asks for certificates, milliseconds: every replica of the CA has noticed by then. */
export const ROOTS_SETTLE = 15_000;

/** Names of endpoints that a proxy looks up. Endpoints with further ones are not reached. */
export const MAX_NAMES = 4_096;

/** Addresses of one name that are used; the first in order. */
export const ADDRESSES_PER_NAME = 32;

/** The shortest time for which an answer about a name counts, milliseconds, whatever lifetime it has. */
export const MIN_NAME_TTL = 5_000;

/** The longest, milliseconds. */
export const MAX_NAME_TTL = 300_000;

/** Lookups that say in a row that a name does not exist, or has no address, before its last addresses go. */
export const NAME_GONE_AFTER = 3;

/** Names that are looked up at the same time. */
export const NAME_LOOKUPS_AT_ONCE = 32;

/** How long one question about a name may take, milliseconds, and how often it is asked. */
export const NAME_LOOKUP_TIMEOUT = 2_000;
export const NAME_LOOKUP_TRIES = 2;

/** After a lookup of a name that failed, milliseconds: the first pause, doubled up to the longest. */
export const NAME_RETRY_FIRST = 1_000;
export const NAME_RETRY_LONGEST = 30_000;

/** Growth of the process after which a data thread gives free memory of the C library's heap back, bytes. */
export const HEAP_GROWTH: number = 2 << 20;

/** How often the first data thread looks for such growth, milliseconds. */
export const HEAP_LOOK = 1_000;

/** How often a data thread looks whether a peak has left something to give back, milliseconds. */
export const PEAK_LOOK = 5_000;

/** Connections and requests under way by which they must have fallen, and by half, for a peak to be over. */
export const PEAK_LOAD = 1_000;

/** After a peak a data thread collects when it used less than this part of a processor from one look to the next. */
export const PEAK_OVER_SHARE = 0.25;

/** Growth of what JavaScript holds, garbage included, that is collected when the thread does next to nothing. Bytes. */
export const PEAK_GROWTH: number = 8 << 20;

/** Next to nothing: less than this part of a processor, and fewer than `PEAK_LOAD` connections and requests under way. */
export const PEAK_IDLE_SHARE = 0.02;

/**
 * A heap that is larger than this is left to V8, bytes: a collection takes up to 3 ms for each MiB that is in use, and a thread
 * that stands still for `STALL_AFTER` is replaced.
 */
export const PEAK_HEAP: number = 128 << 20;

/** When the C library's heap is trimmed for a second time after a collection, milliseconds. */
export const PEAK_TRIM = 30_000;

/** After a collection the next one waits so many times as long as it took: all of them take 0.2 % of the time at most. */
export const PEAK_REST = 500;
