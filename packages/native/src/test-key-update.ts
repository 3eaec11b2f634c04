import { openssl } from './internal/library.ts';

const keyUpdate = openssl('SSL_key_update', 'int', ['uintptr_t', 'int']);
const SSL_KEY_UPDATE_REQUESTED = 1;

/** For tests: the session's next write begins with a KeyUpdate that asks the peer to change its keys as well (RFC 8446 4.6.3). */
export function askForNewKeys(ssl: number): void {
  if (keyUpdate(ssl, SSL_KEY_UPDATE_REQUESTED) !== 1) throw new Error('SSL_key_update failed');
}
