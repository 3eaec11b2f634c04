import { AmbitError } from '@ambit/core/errors';
import { installAlpn } from './internal/alpn.ts';
import { openssl } from './internal/library.ts';
import { rememberVerification } from './internal/verification.ts';
import { type Pem, installKeyMaterial } from './internal/key-material.ts';
import type { Ledger } from './ledger.ts';
import { TLS_READ_AHEAD_BYTES } from './limits.ts';
import { cString } from './memory.ts';
import { takeOpensslError } from './openssl-error.ts';
import { HANDLE_CONTEXT, freeHandle } from './openssl-handle.ts';

const tlsMethod = openssl('TLS_method', 'uintptr_t', [], { result: 0 });
const contextNew = openssl('SSL_CTX_new', 'uintptr_t', ['uintptr_t'], { result: 0 });
const contextControl = openssl('SSL_CTX_ctrl', 'int64_t', ['uintptr_t', 'int', 'int64_t', 'uintptr_t'], { result: 0 });
const contextSetOptions = openssl('SSL_CTX_set_options', 'uint64_t', ['uintptr_t', 'uint64_t'], {
  releases: true,
});
const contextSetCiphers = openssl('SSL_CTX_set_ciphersuites', 'int', ['uintptr_t', 'uintptr_t'], { result: 0 });
const contextSetOldCiphers = openssl('SSL_CTX_set_cipher_list', 'int', ['uintptr_t', 'uintptr_t'], { result: 0 });
const contextSetTickets = openssl('SSL_CTX_set_num_tickets', 'int', ['uintptr_t', 'uint64_t'], { result: 0 });
const contextSetVerify = openssl('SSL_CTX_set_verify', 'void', ['uintptr_t', 'int', 'uintptr_t'], { releases: true });
const contextSetReadBuffer = openssl('SSL_CTX_set_default_read_buffer_len', 'void', ['uintptr_t', 'uint64_t'], {
  releases: true,
});

// openssl/ssl.h.
const SSL_CTRL_MODE = 33;
const SSL_CTRL_SET_READ_AHEAD = 41;
const SSL_CTRL_SET_SESS_CACHE_MODE = 44;
const SSL_CTRL_SET_GROUPS_LIST = 92;
const SSL_CTRL_SET_SIGALGS_LIST = 98;
const SSL_CTRL_SET_MIN_PROTO_VERSION = 123;
const TLS1_3_VERSION = 0x0304;
const SSL_VERIFY_PEER_REQUIRED = 1 | 2;
const SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER = 0x2;
/** Without it OpenSSL builds our own chain anew from the roots in every handshake. */
const SSL_MODE_NO_AUTO_CHAIN = 0x8;
/** An idle connection gives its record buffers back. */
const SSL_MODE_RELEASE_BUFFERS = 0x10;
const SSL_OP_NO_TICKET = 2 ** 14;
const SSL_OP_NO_RENEGOTIATION = 2 ** 30;
/** Otherwise OpenSSL compresses the client certificate in every handshake, which costs more than all the rest of it. */
const SSL_OP_NO_TX_CERTIFICATE_COMPRESSION = 2 ** 32;
const SSL_OP_NO_RX_CERTIFICATE_COMPRESSION = 2 ** 33;

/** In order of preference. */
export const TLS_CIPHER_SUITES = 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256';

/** The first is offered with a key; the post-quantum one serves peers that accept nothing else. */
export const TLS_GROUPS = 'X25519:P-256:X25519MLKEM768';
const TLS_GROUPS_BEFORE_3_5 = 'X25519:P-256';

/**
 * Of handshakes and certificates: what authorities of a mesh sign with, as the peers in Rust and Go take it. OpenSSL's own
 * list has three times as many, and each is looked at several times per handshake.
 */
export const TLS_SIGNATURE_ALGORITHMS: string = [
  ...['ECDSA+SHA256', 'ECDSA+SHA384', 'ECDSA+SHA512', 'ed25519'],
  ...['RSA-PSS+SHA256', 'RSA-PSS+SHA384', 'RSA-PSS+SHA512', 'RSA+SHA256', 'RSA+SHA384', 'RSA+SHA512'],
].join(':');

/** Never negotiated: TLS 1.3 is required. One is the least that OpenSSL can hold. */
const TLS_1_2_CIPHERS = 'ECDHE-ECDSA-AES256-GCM-SHA384';

export interface TlsContextOptions extends Pem {
  readonly side: 'client' | 'server';
  /** OpenSSL names separated by colons. Default `TLS_CIPHER_SUITES`. */
  readonly cipherSuites?: string;
  /** The ledger of the thread, by which the context is freed if the thread dies. Default: none, it would be lost then. */
  readonly ledger?: Ledger;
}

/**
 * Key, chain, roots and rules of one side (SSL_CTX): TLS 1.3 only, a verified peer certificate required, ALPN `h2`
 * required, no tickets. Belongs to the thread that made it. Sessions hold what they need of it, so it may be freed as
 * soon as no new ones are wanted.
 */
export class TlsContext {
  readonly side: 'client' | 'server';
  readonly #ledger: Ledger | undefined;
  readonly #slot: number;
  #address: number;

  /** Takes ownership of an SSL_CTX. */
  constructor(side: 'client' | 'server', address: number, ledger: Ledger | undefined) {
    this.side = side;
    this.#ledger = ledger;
    this.#slot = ledger?.addObject(HANDLE_CONTEXT, address) ?? 0;
    this.#address = address;
  }

  /** The SSL_CTX. Throws `AMBIT_TLS_CONTEXT` after `free`. */
  get address(): number {
    if (this.#address === 0) throw new AmbitError('AMBIT_TLS_CONTEXT', 'the TLS context was freed');
    return this.#address;
  }

  get freed(): boolean {
    return this.#address === 0;
  }

  /** Idempotent. */
  free(): void {
    if (this.#address === 0) return;
    this.#ledger?.removeObject(this.#slot);
    freeHandle(HANDLE_CONTEXT, this.#address);
    this.#address = 0;
  }
}

/** Throws `AMBIT_TLS_CONTEXT` that names the part that is not usable: chain, key, roots, or a mismatch of key and chain. */
export function createTlsContext(options: TlsContextOptions): TlsContext {
  const context = contextNew(tlsMethod());
  if (context === 0) refuse('SSL_CTX_new');
  try {
    contextSetOptions(
      context,
      SSL_OP_NO_TICKET +
        SSL_OP_NO_RENEGOTIATION +
        SSL_OP_NO_TX_CERTIFICATE_COMPRESSION +
        SSL_OP_NO_RX_CERTIFICATE_COMPRESSION,
    );
    contextControl(
      context,
      SSL_CTRL_MODE,
      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS,
      0,
    );
    contextControl(context, SSL_CTRL_SET_SESS_CACHE_MODE, 0, 0);
    contextControl(context, SSL_CTRL_SET_READ_AHEAD, 1, 0);
    contextSetReadBuffer(context, TLS_READ_AHEAD_BYTES);
    if (contextControl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_3_VERSION, 0) !== 1) refuse('TLS 1.3');
    setAlgorithms(context, options.cipherSuites ?? TLS_CIPHER_SUITES);
    if (contextSetTickets(context, 0) !== 1) refuse('no tickets');
    contextSetVerify(context, SSL_VERIFY_PEER_REQUIRED, 0);
    installAlpn(context, options.side);
    installKeyMaterial(context, options);
    rememberVerification(context, options.side, options.rootsPem);
    return new TlsContext(options.side, context, options.ledger);
  } catch (error) {
    freeHandle(HANDLE_CONTEXT, context);
    throw error;
  }
}

function setAlgorithms(context: number, cipherSuites: string): void {
  if (contextSetCiphers(context, cString(cipherSuites)) !== 1) refuse(`cipher suites ${cipherSuites}`);
  if (contextSetOldCiphers(context, cString(TLS_1_2_CIPHERS)) !== 1) refuse(`cipher suites ${TLS_1_2_CIPHERS}`);
  if (contextControl(context, SSL_CTRL_SET_SIGALGS_LIST, 0, cString(TLS_SIGNATURE_ALGORITHMS)) !== 1)
    refuse(`signature algorithms ${TLS_SIGNATURE_ALGORITHMS}`);
  if (contextControl(context, SSL_CTRL_SET_GROUPS_LIST, 0, cString(TLS_GROUPS)) === 1) return;
  takeOpensslError();
  if (contextControl(context, SSL_CTRL_SET_GROUPS_LIST, 0, cString(TLS_GROUPS_BEFORE_3_5)) !== 1)
    refuse(`groups ${TLS_GROUPS}`);
}

function refuse(part: string): never {
  throw new AmbitError('AMBIT_TLS_CONTEXT', `${part}: ${takeOpensslError().text}`, { source: 'configuration' });
}
