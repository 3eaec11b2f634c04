import { openssl } from './internal/library.ts';
import { allocate } from './memory.ts';

const errGetError = openssl<() => number>('ERR_get_error', 'uint64_t', [], { result: 0 });
const errClearError = openssl<() => number>('ERR_clear_error', 'void', [], { releases: true });
const errErrorString = openssl<(code: number, text: number, length: number) => number>(
  'ERR_error_string_n',
  'void',
  ['uint64_t', 'uintptr_t', 'uint64_t'],
  {
    releases: true,
  },
);

const TEXT_BYTES = 256;
const text = allocate(TEXT_BYTES);

export interface OpensslError {
  /** The reason number of the first error that was queued, e.g. SSL_R_NO_APPLICATION_PROTOCOL; 0 when none was. */
  readonly reason: number;
  /** OpenSSL's own words. */
  readonly text: string;
}

/** Takes the first error off this thread's OpenSSL queue and drops the others: the queue must be empty before the next call. */
export function takeOpensslError(): OpensslError {
  const code = errGetError();
  if (code === 0) return { reason: 0, text: 'no reason given' };
  errErrorString(code, text.address, TEXT_BYTES);
  errClearError();
  const end = text.bytes.indexOf(0);
  // ERR_GET_REASON: the lower 23 bits; the text is error:<number>:<library>::<reason>.
  return { reason: code & 0x7f_ffff, text: text.bytes.toString('latin1', 0, end).split(':').at(-1) ?? '' };
}
