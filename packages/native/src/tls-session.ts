import { AmbitError } from '@ambit/core/errors';
import { ECONNRESET, EPIPE, SystemCallError, errnoName } from './errno.ts';
import { lastErrno, openssl } from './internal/library.ts';
import { TLS_HANDSHAKE_PIPE_BYTES } from './limits.ts';
import { allocate, cString, readPointer } from './memory.ts';
import { type OpensslError, takeOpensslError } from './openssl-error.ts';
import { HANDLE_BIO, HANDLE_SESSION, freeHandle } from './openssl-handle.ts';
import type { TlsContext } from './tls-context.ts';
import { TlsError, tlsFailure } from './tls-failure.ts';

const sslNew = openssl('SSL_new', 'uintptr_t', ['uintptr_t'], { result: 0 });
const sslSetFd = openssl('SSL_set_fd', 'int', ['uintptr_t', 'int'], { result: 0 });
const sslSetReadFd = openssl('SSL_set_rfd', 'int', ['uintptr_t', 'int'], { result: 0 });
const sslSetBio = openssl('SSL_set_bio', 'void', ['uintptr_t', 'uintptr_t', 'uintptr_t'], {
  releases: true,
});
const sslSetConnectState = openssl('SSL_set_connect_state', 'void', ['uintptr_t'], {
  releases: true,
});
const sslSetAcceptState = openssl('SSL_set_accept_state', 'void', ['uintptr_t'], {
  releases: true,
});
const sslDoHandshake = openssl('SSL_do_handshake', 'int', ['uintptr_t']);
const sslRead = openssl('SSL_read', 'int', ['uintptr_t', 'uintptr_t', 'int']);
const sslWrite = openssl('SSL_write', 'int', ['uintptr_t', 'uintptr_t', 'int']);
const sslGetError = openssl('SSL_get_error', 'int', ['uintptr_t', 'int'], {
  result: 5,
});
const sslHasPending = openssl('SSL_has_pending', 'int', ['uintptr_t'], { result: 0 });
const sslShutdown = openssl('SSL_shutdown', 'int', ['uintptr_t']);
const sslGetVerifyResult = openssl('SSL_get_verify_result', 'int64_t', ['uintptr_t'], {
  result: 1,
});
const sslGetAlpn = openssl('SSL_get0_alpn_selected', 'void', ['uintptr_t', 'uintptr_t', 'uintptr_t'], {
  releases: true,
});
const sslControl = openssl('SSL_ctrl', 'int64_t', ['uintptr_t', 'int', 'int64_t', 'uintptr_t'], { result: 0 });
const sslSetAlpn = openssl('SSL_set_alpn_protos', 'int', ['uintptr_t', 'uintptr_t', 'uint32_t'], { result: 1 });
const bioWrite = openssl('BIO_write', 'int', ['uintptr_t', 'uintptr_t', 'int']);
const bioRead = openssl('BIO_read', 'int', ['uintptr_t', 'uintptr_t', 'int']);
const sslGetRbio = openssl('SSL_get_rbio', 'uintptr_t', ['uintptr_t'], { result: 0 });
const sslSetWbio = openssl('SSL_set0_wbio', 'void', ['uintptr_t', 'uintptr_t'], {
  releases: true,
});
const bioUpRef = openssl('BIO_up_ref', 'int', ['uintptr_t'], { result: 0 });
const bioNewPair = openssl('BIO_new_bio_pair', 'int', ['uintptr_t', 'uint64_t', 'uintptr_t', 'uint64_t'], {
  result: 0,
});
const bioNread0 = openssl('BIO_nread0', 'int', ['uintptr_t', 'uintptr_t']);
const bioNread = openssl('BIO_nread', 'int', ['uintptr_t', 'uintptr_t', 'int']);
const bioNwrite0 = openssl('BIO_nwrite0', 'int', ['uintptr_t', 'uintptr_t']);
const bioNwrite = openssl('BIO_nwrite', 'int', ['uintptr_t', 'uintptr_t', 'int']);
const bioPending = openssl('BIO_ctrl_pending', 'uint64_t', ['uintptr_t'], { result: 0 });

// openssl/ssl.h, openssl/tls1.h.
const SSL_CTRL_SET_TLSEXT_HOSTNAME = 55;
const TLSEXT_NAMETYPE_HOST_NAME = 0;

const SSL_ERROR_WANT_READ = 2;
const SSL_ERROR_WANT_WRITE = 3;
const SSL_ERROR_SYSCALL = 5;
const SSL_ERROR_ZERO_RETURN = 6;

/** Results of `handshake`, `read` and `write` that are not byte counts. */
export const TLS_DONE = 1;
/** The peer ended the stream in good order (close_notify). */
export const TLS_END = 0;
export const TLS_WANTS_READ: number = -2;
export const TLS_WANTS_WRITE: number = -3;
/** Ask `lastFailure` for the reason. */
export const TLS_FAILED: number = -1;

const out = allocate(16);
let failedCall = '';
let failedErrno = 0;
let failedError: OpensslError = { reason: 0, text: '' };

/**
 * SSL_new over a connected, non-blocking descriptor that stays the caller's; without one the session needs `attachBoth`
 * first. Throws `AMBIT_TLS_SESSION`.
 */
export function newSession(context: TlsContext, fd = -1): number {
  const ssl = sslNew(context.address);
  if (ssl === 0) throw new AmbitError('AMBIT_TLS_SESSION', `SSL_new: ${takeOpensslError().text}`);
  if (fd >= 0 && sslSetFd(ssl, fd) !== 1) {
    freeHandle(HANDLE_SESSION, ssl);
    throw new AmbitError('AMBIT_TLS_SESSION', `SSL_set_fd: ${takeOpensslError().text}`);
  }
  if (context.side === 'client') sslSetConnectState(ssl);
  else sslSetAcceptState(ssl);
  return ssl;
}

/** TLS_DONE, TLS_WANTS_READ, TLS_WANTS_WRITE or TLS_FAILED. Peer certificate and ALPN hold what the context demands when done. */
export function handshake(ssl: number): number {
  const result = sslDoHandshake(ssl);
  return result === 1 ? TLS_DONE : outcome('SSL_do_handshake', ssl, result);
}

/** Decrypted bytes at `address`, at most one record (16 KiB) per call; or TLS_END, TLS_WANTS_READ, TLS_FAILED. */
export function read(ssl: number, address: number, length: number): number {
  const count = sslRead(ssl, address, length);
  return count > 0 ? count : outcome('SSL_read', ssl, count);
}

/** Whether OpenSSL holds bytes it has read and not delivered: the descriptor will not tell of them. */
export function hasPending(ssl: number): boolean {
  return sslHasPending(ssl) === 1;
}

/** Bytes encrypted, or TLS_WANTS_WRITE, TLS_FAILED. */
export function write(ssl: number, address: number, length: number): number {
  const count = sslWrite(ssl, address, length);
  return count > 0 ? count : outcome('SSL_write', ssl, count);
}

/** Writes close_notify where the session writes. Failure is of no consequence: the connection is closing. */
export function sayGoodbye(ssl: number): void {
  if (sslShutdown(ssl) < 0) takeOpensslError();
}

export function freeSession(ssl: number): void {
  freeHandle(HANDLE_SESSION, ssl);
}

/** Why the last call that returned TLS_FAILED on this thread did so; `ssl` is its session. */
export function lastFailure(ssl: number): AmbitError {
  if (failedErrno === ECONNRESET || failedErrno === EPIPE) return new TlsError('reset', 'peer', errnoName(failedErrno));
  if (failedErrno !== 0) return new SystemCallError(failedCall, failedErrno, 'TLS connection');
  return tlsFailure(failedError, sslGetVerifyResult(ssl));
}

/** The negotiated application protocol, '' when none was. */
export function alpn(ssl: number): string {
  sslGetAlpn(ssl, out.address, out.address + 8);
  const length = out.bytes.readUInt32LE(8);
  // One protocol is all that our contexts negotiate, so its length tells it apart from nothing.
  return length === 2 ? 'h2' : '';
}

/** The negotiated application protocol out of `offered`; '' when none was, undefined when it is another one. */
export function selectedProtocol(ssl: number, offered: readonly string[]): string | undefined {
  sslGetAlpn(ssl, out.address, out.address + 8);
  const length = out.bytes.readUInt32LE(8);
  // A peer may choose only what was offered, which OpenSSL has seen to; so the length tells.
  return length === 0 ? '' : offered.find((name) => name.length === length);
}

/** What a client says of itself before the handshake. Throws `AMBIT_TLS_SESSION`. */
export function introduce(ssl: number, serverName: string, protocols: readonly string[]): void {
  if (serverName !== '') {
    const done = sslControl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_HOST_NAME, cString(serverName));
    if (done !== 1) throw new AmbitError('AMBIT_TLS_SESSION', `server name: ${takeOpensslError().text}`);
  }
  if (protocols.length === 0) return;
  // RFC 7301: each name behind its length. OpenSSL takes a copy.
  const list = Buffer.concat(protocols.map((name) => Buffer.from(`${String.fromCharCode(name.length)}${name}`)));
  const memory = allocate(list.length);
  list.copy(memory.bytes);
  // Unlike nearly everything else, this function returns 0 when it worked.
  if (sslSetAlpn(ssl, memory.address, list.length) !== 0)
    throw new AmbitError('AMBIT_TLS_SESSION', `ALPN: ${takeOpensslError().text}`);
}

/**
 * A pipe inside OpenSSL: a session writes records into it, and they are read in place and sent from there with one
 * call for all. Compared with writing to the socket this saves a system call per record.
 */
export interface BioPair {
  readonly writeEnd: number;
  readonly readEnd: number;
}

/** `size` bytes of records fit into the pair. Throws `AMBIT_TLS_SESSION` when memory is out. */
export function newBioPair(size: number): BioPair {
  if (bioNewPair(out.address, size, out.address + 8, TLS_HANDSHAKE_PIPE_BYTES) !== 1) {
    throw new AmbitError('AMBIT_TLS_SESSION', `BIO_new_bio_pair: ${takeOpensslError().text}`);
  }
  return { writeEnd: readPointer(out.bytes, 0), readEnd: readPointer(out.bytes, 8) };
}

/** Frees a pair that is attached to no session. */
export function freeBioPair(pair: BioPair): void {
  freeHandle(HANDLE_BIO, pair.writeEnd);
  freeHandle(HANDLE_BIO, pair.readEnd);
}

/** Makes the session write into the pair. The pair stays the caller's. */
export function attach(ssl: number, pair: BioPair): void {
  if (bioUpRef(pair.writeEnd) !== 1) throw new AmbitError('AMBIT_TLS_SESSION', 'BIO_up_ref failed');
  sslSetWbio(ssl, pair.writeEnd);
}

/**
 * Makes a session without a descriptor write into the pair and read from it what `pairFill` puts there. OpenSSL reads a
 * handshake from a socket with two calls per record and writes each flight at once; like this a flight comes with one
 * call, and the last one goes out with what is said first. The pair stays the caller's.
 */
export function attachBoth(ssl: number, pair: BioPair): void {
  if (bioUpRef(pair.writeEnd) !== 1) throw new AmbitError('AMBIT_TLS_SESSION', 'BIO_up_ref failed');
  // One reference is taken for both directions.
  sslSetBio(ssl, pair.writeEnd, pair.writeEnd);
}

/** Makes the session read from its descriptor. `pairWaiting` must be 0. */
export function readFromSocket(ssl: number, fd: number): void {
  if (sslSetReadFd(ssl, fd) !== 1) throw new AmbitError('AMBIT_TLS_SESSION', `SSL_set_rfd: ${takeOpensslError().text}`);
}

/** Makes the session write to its descriptor again. The pair must be empty, and the session read from the descriptor. */
export function detach(ssl: number): void {
  const socketBio = sslGetRbio(ssl);
  if (socketBio === 0 || bioUpRef(socketBio) !== 1)
    throw new AmbitError('AMBIT_TLS_SESSION', 'the session has no socket');
  sslSetWbio(ssl, socketBio);
}

/** Bytes that lie in one piece at `pairAddress()`, 0 when the pair is empty. */
export function pairBytes(pair: BioPair): number {
  const count = bioNread0(pair.readEnd, out.address);
  return count > 0 ? count : 0;
}

/** Where the bytes of the last `pairBytes` lie, or the room of the last `pairRoom`. */
export function pairAddress(): number {
  return readPointer(out.bytes, 0);
}

/** Drops `count` bytes that were sent. */
export function pairConsume(pair: BioPair, count: number): void {
  bioNread(pair.readEnd, out.address, count);
}

/** How many bytes for the session may be put at `pairAddress()`. */
export function pairRoom(pair: BioPair): number {
  const count = bioNwrite0(pair.readEnd, out.address);
  return count > 0 ? count : 0;
}

/** Hands `count` bytes that were put there to the session. */
export function pairFill(pair: BioPair, count: number): void {
  bioNwrite(pair.readEnd, out.address, count);
}

/** Bytes that the session has not taken from the pair yet. */
export function pairWaiting(pair: BioPair): number {
  return bioPending(pair.writeEnd);
}

/** Hands bytes for the session over, as many as there is room for; how many those were. */
export function pairPut(pair: BioPair, address: number, count: number): number {
  return Math.max(0, bioWrite(pair.readEnd, address, count));
}

/** Takes records of the session, at most `count` bytes; how many those were. */
export function pairTake(pair: BioPair, address: number, count: number): number {
  return Math.max(0, bioRead(pair.readEnd, address, count));
}

function outcome(call: string, ssl: number, result: number): number {
  const errno = lastErrno();
  const kind = sslGetError(ssl, result);
  switch (kind) {
    case SSL_ERROR_WANT_READ:
      return TLS_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
      return TLS_WANTS_WRITE;
    case SSL_ERROR_ZERO_RETURN:
      return TLS_END;
    default:
      // Taken at once: the queue is the thread's, and a leftover would be read as the failure of another session.
      failedCall = call;
      failedError = takeOpensslError();
      failedErrno = kind === SSL_ERROR_SYSCALL && failedError.reason === 0 ? errno : 0;
      return TLS_FAILED;
  }
}
