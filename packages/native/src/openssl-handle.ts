import { openssl } from './internal/library.ts';

const sslFree = openssl('SSL_free', 'void', ['uintptr_t'], { releases: true });
const contextFree = openssl('SSL_CTX_free', 'void', ['uintptr_t'], { releases: true });
const bioFree = openssl('BIO_free', 'int', ['uintptr_t'], { releases: true, result: 0 });

export const HANDLE_SESSION = 1;
export const HANDLE_CONTEXT = 2;
export const HANDLE_BIO = 3;

/** The kinds of OpenSSL object that live longer than one call. */
export type HandleKind = typeof HANDLE_SESSION | typeof HANDLE_CONTEXT | typeof HANDLE_BIO;

/** Frees an object; its address must not be used again. */
export function freeHandle(kind: HandleKind, address: number): void {
  switch (kind) {
    case HANDLE_SESSION:
      sslFree(address);
      return;
    case HANDLE_CONTEXT:
      contextFree(address);
      return;
    case HANDLE_BIO:
      bioFree(address);
      return;
  }
}
