import { X509Certificate } from 'node:crypto';
import { AmbitError } from '@ambit/core/errors';
import { certificateKey } from './internal/certificate-der.ts';
import { installOwnCertificate, installRevocations, installRoots } from './internal/key-material.ts';
import { openssl } from './internal/library.ts';
import type { Ledger } from './ledger.ts';
import { cString } from './memory.ts';
import { takeOpensslError } from './openssl-error.ts';
import { HANDLE_CONTEXT, freeHandle } from './openssl-handle.ts';
import { TlsContext } from './tls-context.ts';

const tlsMethod = openssl('TLS_client_method', 'uintptr_t', [], { result: 0 });
const contextNew = openssl('SSL_CTX_new', 'uintptr_t', ['uintptr_t'], { result: 0 });
const contextControl = openssl('SSL_CTX_ctrl', 'int64_t', ['uintptr_t', 'int', 'int64_t', 'uintptr_t'], { result: 0 });
const contextSetOptions = openssl('SSL_CTX_set_options', 'uint64_t', ['uintptr_t', 'uint64_t'], { releases: true });
const contextSetOldCiphers = openssl('SSL_CTX_set_cipher_list', 'int', ['uintptr_t', 'uintptr_t'], { result: 0 });
const contextSetVerify = openssl('SSL_CTX_set_verify', 'void', ['uintptr_t', 'int', 'uintptr_t'], { releases: true });
const getPeerCertificate = openssl('SSL_get0_peer_certificate', 'uintptr_t', ['uintptr_t'], { result: 0 });

// openssl/ssl.h.
const SSL_CTRL_MODE = 33;
const SSL_CTRL_SET_SESS_CACHE_MODE = 44;
const SSL_CTRL_SET_MIN_PROTO_VERSION = 123;
const TLS1_2_VERSION = 0x0303;
const SSL_VERIFY_NONE = 0;
const SSL_VERIFY_PEER = 1;
const SSL_MODE_ENABLE_PARTIAL_WRITE = 0x1;
const SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER = 0x2;
const SSL_MODE_NO_AUTO_CHAIN = 0x8;
const SSL_MODE_RELEASE_BUFFERS = 0x10;
const SSL_OP_NO_TICKET = 2 ** 14;
const SSL_OP_NO_RENEGOTIATION = 2 ** 30;

/** Of TLS 1.2: forward secrecy and authenticated encryption alone. */
const TLS_1_2_CIPHERS = 'ECDHE+AESGCM:ECDHE+CHACHA20';

export interface UpstreamTlsContextOptions {
  /** Trust anchors, one or more; undefined: whoever answers is believed. */
  readonly rootsPem: string | undefined;
  /** Revoked certificates. Default: none is looked for. */
  readonly crlPem?: string;
  /** What this side shows when it is asked. Default: nothing. */
  readonly own?: { readonly certificateChainPem: string; readonly privateKeyPem: string };
  /** The ledger of the thread, by which the context is freed if the thread dies. Default: none, it would be lost then. */
  readonly ledger?: Ledger;
}

/**
 * The client's side towards servers outside of the mesh's own TLS: 1.2 or 1.3, chain verified, name and ALPN up to each session
 * (`introduce`, `presentedCertificate`). Throws `AMBIT_TLS_CONTEXT` that names the part that is not usable.
 */
export function createUpstreamTlsContext(options: UpstreamTlsContextOptions): TlsContext {
  const { rootsPem, crlPem = '', own, ledger } = options;
  const context = contextNew(tlsMethod());
  if (context === 0) refuse('SSL_CTX_new');
  try {
    contextSetOptions(context, SSL_OP_NO_TICKET + SSL_OP_NO_RENEGOTIATION);
    const modes = SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER;
    contextControl(context, SSL_CTRL_MODE, modes | SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS, 0);
    contextControl(context, SSL_CTRL_SET_SESS_CACHE_MODE, 0, 0);
    if (contextControl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, 0) !== 1) refuse('TLS 1.2');
    if (contextSetOldCiphers(context, cString(TLS_1_2_CIPHERS)) !== 1) refuse(`cipher suites ${TLS_1_2_CIPHERS}`);
    contextSetVerify(context, rootsPem === undefined ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, 0);
    if (rootsPem !== undefined) installRoots(context, rootsPem);
    if (crlPem !== '') installRevocations(context, crlPem);
    if (own !== undefined) installOwnCertificate(context, own);
    return new TlsContext('client', context, ledger);
  } catch (error) {
    freeHandle(HANDLE_CONTEXT, context);
    throw error;
  }
}

/** The leaf certificate that the peer showed; undefined when it showed none or a monstrous one. */
export function presentedCertificate(ssl: number): X509Certificate | undefined {
  const x509 = getPeerCertificate(ssl);
  const der = x509 === 0 ? '' : certificateKey(x509);
  return der === '' ? undefined : new X509Certificate(Buffer.from(der, 'latin1'));
}

function refuse(part: string): never {
  throw new AmbitError('AMBIT_TLS_CONTEXT', `${part}: ${takeOpensslError().text}`, { source: 'configuration' });
}
