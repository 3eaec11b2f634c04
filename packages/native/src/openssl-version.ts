import koffi from 'koffi';
import { openssl, opensslOrigin } from './internal/library.ts';

const versionNumber = openssl('OpenSSL_version_num', 'uint64_t', [], { result: 0 });
const versionText = openssl('OpenSSL_version', 'uintptr_t', ['int'], { result: 0 });

export interface OpensslVersion {
  readonly major: number;
  readonly minor: number;
  /** As the library names itself, e.g. `OpenSSL 3.5.8 …`. */
  readonly text: string;
  readonly origin: 'runtime' | 'libssl.so.3';
}

/** Which OpenSSL the bindings found. */
export function opensslVersion(): OpensslVersion {
  // 0xMNN00PP0: major, minor, patch.
  const number = versionNumber();
  const text = versionText(0);
  return {
    major: number >>> 28,
    minor: (number >>> 20) & 0xff,
    text: text === 0 ? '' : koffi.decode.string(text),
    origin: opensslOrigin(),
  };
}
