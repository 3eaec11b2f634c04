import { PEER_CERTIFICATE_BYTES } from '../limits.ts';
import { allocate, writePointer } from '../memory.ts';
import { openssl } from './library.ts';

const encodeX509 = openssl('i2d_X509', 'int', ['uintptr_t', 'uintptr_t']);

const der = allocate(PEER_CERTIFICATE_BYTES);
const cursor = allocate(8);

/** The DER of an X509 as a string of one character per byte, for keys of maps; '' when it is too large to be looked at. */
export function certificateKey(x509: number): string {
  const length = encodeX509(x509, 0);
  if (length <= 0 || length > PEER_CERTIFICATE_BYTES) return '';
  writePointer(cursor.bytes, 0, der.address);
  return encodeX509(x509, cursor.address) === length ? der.bytes.toString('latin1', 0, length) : '';
}
