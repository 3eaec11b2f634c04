import { openssl } from './internal/library.ts';
import { allocate } from './memory.ts';

const errPeekLastError = openssl('ERR_peek_last_error', 'uint64_t', [], { result: 0 });
const errClearError = openssl('ERR_clear_error', 'void', [], { releases: true });
const errErrorString = openssl('ERR_error_string_n', 'void', ['uint64_t', 'uintptr_t', 'uint64_t'], {
  releases: true,
});

const TEXT_BYTES = 256;
const text = allocate(TEXT_BYTES);

export interface OpensslError {
  /** The reason number of the last error that was queued, e.g. SSL_R_NO_APPLICATION_PROTOCOL; 0 when none was. */
  readonly reason: number;
  /** OpenSSL's own words. */
  readonly text: string;
}

/**
 * Empties this thread's OpenSSL error queue, as the next call demands, and returns the last error: the outermost layer's,
 * where the first would be some detail (a signature that does not fit) of what went wrong.
 */
export function takeOpensslError(): OpensslError {
  const code = errPeekLastError();
  if (code === 0) return { reason: 0, text: 'no reason given' };
  errErrorString(code, text.address, TEXT_BYTES);
  errClearError();
  const end = text.bytes.indexOf(0);
  // ERR_GET_REASON: the lower 23 bits; the text is error:<number>:<library>::<reason>.
  return { reason: code & 0x7f_ffff, text: text.bytes.toString('latin1', 0, end).split(':').at(-1) ?? '' };
}
