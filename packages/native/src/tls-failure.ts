import { AmbitError } from '@ambit/core/errors';
import type { OpensslError } from './openssl-error.ts';

/** Why a TLS connection did not come about or broke. */
export type TlsFailureReason =
  | 'no-certificate'
  | 'certificate-expired'
  | 'certificate-not-yet-valid'
  | 'unknown-authority'
  | 'certificate-invalid'
  | 'certificate-revoked'
  | 'wrong-name'
  | 'wrong-version'
  | 'no-common-cipher'
  | 'no-alpn'
  | 'plaintext-peer'
  | 'truncated'
  | 'reset'
  | 'timeout'
  | 'protocol';

/** Which side found the fault: `us`, or the `peer` (told by an alert). */
export type TlsFailureSide = 'us' | 'peer';

/** A TLS failure. `code` is `AMBIT_TLS_` and the reason in capitals, e.g. `AMBIT_TLS_CERTIFICATE_EXPIRED`. */
export class TlsError extends AmbitError {
  readonly reason: TlsFailureReason;
  readonly side: TlsFailureSide;

  constructor(reason: TlsFailureReason, side: TlsFailureSide, detail: string) {
    super(`AMBIT_TLS_${reason.toUpperCase().replaceAll('-', '_')}`, `TLS: ${describe(reason, side)} (${detail})`, {
      source: 'peer',
    });
    this.reason = reason;
    this.side = side;
  }
}

function describe(reason: TlsFailureReason, side: TlsFailureSide): string {
  const certificate = side === 'us' ? "the peer's certificate" : 'the peer says that our certificate';
  switch (reason) {
    case 'no-certificate':
      return side === 'us'
        ? 'the peer showed no certificate: it is not part of the mesh'
        : 'the peer asks for a certificate and we showed none';
    case 'certificate-expired':
      return `${certificate} has expired: its renewal fails, or a clock is wrong`;
    case 'certificate-not-yet-valid':
      return `${certificate} is not valid yet: a clock is wrong`;
    case 'unknown-authority':
      return `${certificate} was not issued by a known authority: the two sides have different roots`;
    case 'certificate-invalid':
      return `${certificate} is not acceptable`;
    case 'certificate-revoked':
      return `${certificate} was revoked`;
    case 'wrong-name':
      return `${certificate} is for another name`;
    case 'wrong-version':
      return side === 'us'
        ? 'the peer does not speak a version of TLS that is new enough'
        : 'the peer refuses our TLS version';
    case 'no-common-cipher':
      return 'no cipher suite or group in common';
    case 'no-alpn':
      return 'no application protocol in common';
    case 'plaintext-peer':
      return 'the peer does not speak TLS at all';
    case 'truncated':
      return 'the peer closed the connection without saying so in TLS';
    case 'reset':
      return 'the peer reset the connection';
    case 'timeout':
      return 'the handshake took too long';
    case 'protocol':
      return side === 'us' ? 'the peer broke the protocol' : 'the peer aborted with an alert';
  }
}

// Reason numbers of OpenSSL 3 (openssl/sslerr.h). 1000 and more are alerts that the peer sent, plus 1000.
const BY_REASON: ReadonlyMap<number, readonly [TlsFailureReason, TlsFailureSide]> = new Map([
  [155, ['plaintext-peer', 'us']], // HTTPS_PROXY_REQUEST
  [156, ['plaintext-peer', 'us']], // HTTP_REQUEST
  [193, ['no-common-cipher', 'us']], // NO_SHARED_CIPHER
  [101, ['no-common-cipher', 'us']], // NO_SUITABLE_KEY_SHARE
  [198, ['plaintext-peer', 'us']], // PACKET_LENGTH_TOO_LONG
  [199, ['no-certificate', 'us']], // PEER_DID_NOT_RETURN_A_CERTIFICATE
  [235, ['no-alpn', 'us']], // NO_APPLICATION_PROTOCOL
  [258, ['wrong-version', 'us']], // UNSUPPORTED_PROTOCOL
  [267, ['plaintext-peer', 'us']], // WRONG_VERSION_NUMBER
  [294, ['truncated', 'us']], // UNEXPECTED_EOF_WHILE_READING
  [1040, ['no-common-cipher', 'peer']],
  [1042, ['certificate-invalid', 'peer']],
  [1043, ['certificate-invalid', 'peer']],
  [1044, ['certificate-revoked', 'peer']],
  [1045, ['certificate-expired', 'peer']],
  [1046, ['certificate-invalid', 'peer']],
  [1048, ['unknown-authority', 'peer']],
  [1070, ['wrong-version', 'peer']],
  [1116, ['no-certificate', 'peer']],
  [1120, ['no-alpn', 'peer']],
]);

const CERTIFICATE_VERIFY_FAILED = 134;

// X509_V_ERR_… (openssl/x509_vfy.h).
const BY_VERIFICATION: ReadonlyMap<number, TlsFailureReason> = new Map([
  [2, 'unknown-authority'], // UNABLE_TO_GET_ISSUER_CERT
  [9, 'certificate-not-yet-valid'],
  [10, 'certificate-expired'],
  [18, 'unknown-authority'], // DEPTH_ZERO_SELF_SIGNED_CERT
  [19, 'unknown-authority'], // SELF_SIGNED_CERT_IN_CHAIN
  [20, 'unknown-authority'], // UNABLE_TO_GET_ISSUER_CERT_LOCALLY
  [21, 'unknown-authority'], // UNABLE_TO_VERIFY_LEAF_SIGNATURE
  [7, 'unknown-authority'], // CERT_SIGNATURE_FAILURE: same name, other key
  [30, 'unknown-authority'], // AKID_SKID_MISMATCH
  [23, 'certificate-revoked'],
]);

/** The failure behind an OpenSSL error; `verification` is SSL_get_verify_result. */
export function tlsFailure(error: OpensslError, verification: number): TlsError {
  if (error.reason === CERTIFICATE_VERIFY_FAILED) {
    return new TlsError(
      BY_VERIFICATION.get(verification) ?? 'certificate-invalid',
      'us',
      `verification error ${verification}`,
    );
  }
  const found = BY_REASON.get(error.reason);
  if (found !== undefined) return new TlsError(found[0], found[1], error.text);
  return new TlsError('protocol', error.reason >= 1000 && error.reason < 1256 ? 'peer' : 'us', error.text);
}
