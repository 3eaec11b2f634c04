import koffi from 'koffi';
import { AmbitError } from '@ambit/core/errors';
import { type Memory, allocate } from '../memory.ts';
import { takeOpensslError } from '../openssl-error.ts';
import { openssl } from './library.ts';

const setProtocols = openssl('SSL_CTX_set_alpn_protos', 'int', ['uintptr_t', 'uintptr_t', 'uint32_t'], { result: 1 });
const setSelect = openssl('SSL_CTX_set_alpn_select_cb', 'void', ['uintptr_t', 'uintptr_t', 'uintptr_t'], {
  releases: true,
});
const selectProtocol = openssl(
  'SSL_select_next_proto',
  'int',
  ['uintptr_t', 'uintptr_t', 'uintptr_t', 'uint32_t', 'uintptr_t', 'uint32_t'],
  {
    result: 2,
  },
);

const OPENSSL_NPN_NEGOTIATED = 1;
const SSL_TLSEXT_ERR_OK = 0;
const SSL_TLSEXT_ERR_ALERT_FATAL = 2;

// RFC 7301: each name behind its length. OpenSSL hands out pointers into this list, so it lives as long as the thread.
const protocols: Memory = allocate(3);
protocols.bytes.write('\x02h2', 'latin1');

// int (*)(SSL *, const unsigned char **out, unsigned char *outlen, const unsigned char *in, unsigned int inlen, void *)
const selectPrototype = koffi.proto('int', [
  'uintptr_t',
  'uintptr_t',
  'uintptr_t',
  'uintptr_t',
  'uint32_t',
  'uintptr_t',
]);
let selectCallback: number | undefined;

/** Offers `h2` (client) or accepts nothing else (server; a client that offers nothing is left to `alpn`). */
export function installAlpn(context: number, side: 'client' | 'server'): void {
  if (side === 'client') {
    // Unlike nearly everything else, this function returns 0 when it worked.
    if (setProtocols(context, protocols.address, protocols.bytes.length) !== 0) {
      throw new AmbitError('AMBIT_TLS_CONTEXT', `ALPN: ${takeOpensslError().text}`);
    }
    return;
  }
  // OpenSSL has no list for servers, only this callback. It belongs to the thread, as does every context made here.
  selectCallback ??= Number(koffi.register(select, koffi.pointer(selectPrototype)));
  setSelect(context, selectCallback, 0);
}

function select(_ssl: number, out: number, outLength: number, offered: number, offeredLength: number): number {
  const outcome = selectProtocol(out, outLength, protocols.address, protocols.bytes.length, offered, offeredLength);
  return outcome === OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}
