import koffi from 'koffi';
import { systemClock } from '@ambit/core/clock';
import { PEER_CERTIFICATES_KEPT, VERIFICATION_KEPT_MS, VERIFICATION_ROOTS_KEPT } from '../limits.ts';
import { allocate } from '../memory.ts';
import { takeOpensslError } from '../openssl-error.ts';
import { certificateKey } from './certificate-der.ts';
import { openssl } from './library.ts';

const setVerifyCallback = openssl('SSL_CTX_set_cert_verify_callback', 'void', ['uintptr_t', 'uintptr_t', 'uintptr_t'], {
  releases: true,
});
const verifyCertificate = openssl('X509_verify_cert', 'int', ['uintptr_t'], { result: 0 });
const leafOf = openssl('X509_STORE_CTX_get0_cert', 'uintptr_t', ['uintptr_t'], { result: 0 });
const chainOf = openssl('X509_STORE_CTX_get0_chain', 'uintptr_t', ['uintptr_t'], { result: 0 });
const stackSize = openssl('OPENSSL_sk_num', 'int', ['uintptr_t']);
const stackItem = openssl('OPENSSL_sk_value', 'uintptr_t', ['uintptr_t', 'int'], { result: 0 });
const notAfter = openssl('X509_get0_notAfter', 'uintptr_t', ['uintptr_t'], { result: 0 });
const timeDifference = openssl('ASN1_TIME_diff', 'int', ['uintptr_t', 'uintptr_t', 'uintptr_t', 'uintptr_t'], {
  result: 0,
});

/** Leaf certificates and the time (milliseconds since the epoch) until which their verification holds. */
type VerifiedLeaves = Map<string, number>;

const difference = allocate(8);

// int (*)(X509_STORE_CTX *, void *)
const prototype = koffi.proto('int', ['uintptr_t', 'uintptr_t']);
let callback: number | undefined;

// By side and roots, so that the contexts of all identities share what each has verified. The numbers travel through
// OpenSSL as the callback's user pointer.
const numbers = new Map<string, number>();
const verified: VerifiedLeaves[] = [];

/**
 * Remembers which leaf certificates were verified under the same roots for the same purpose, and does not verify them
 * again for a while: the same bytes under the same signatures cannot become wrong before they expire. That the peer
 * holds the key of the certificate is proven in every handshake all the same. Saves a fifth of a handshake.
 */
export function rememberVerification(context: number, side: 'client' | 'server', rootsPem: string): void {
  callback ??= Number(koffi.register(verify, koffi.pointer(prototype)));
  setVerifyCallback(context, callback, numberOf(`${side} ${rootsPem}`));
}

function numberOf(key: string): number {
  const known = numbers.get(key);
  if (known !== undefined) return known;
  const number = verified.length;
  verified.push(new Map());
  numbers.set(key, number);
  // Contexts of roots that long went out of use may live on; they just start to remember anew.
  verified[number - VERIFICATION_ROOTS_KEPT]?.clear();
  return number;
}

let lastLeaf = 0;
let lastKey = '';

/**
 * `certificateKey` of a peer's certificate. Each handshake passes through `verify`, so that a certificate at the address of
 * the last one is the last one: one that took its place in memory would have been verified after it.
 */
export function verifiedKey(x509: number): string {
  return x509 === lastLeaf ? lastKey : certificateKey(x509);
}

function verify(storeContext: number, number: number): number {
  const leaves = verified[number];
  const leaf = leafOf(storeContext);
  const key = certificateKey(leaf);
  lastLeaf = leaf;
  lastKey = key;
  if (leaves === undefined || key === '') return verifyCertificate(storeContext) === 1 ? 1 : 0;
  const now = systemClock.wallTime();
  const until = leaves.get(key);
  if (until !== undefined && now < until) return 1;
  leaves.delete(key);
  if (verifyCertificate(storeContext) !== 1) return 0;
  const oldest = leaves.size >= PEER_CERTIFICATES_KEPT ? leaves.keys().next().value : undefined;
  if (oldest !== undefined) leaves.delete(oldest);
  leaves.set(key, now + Math.min(VERIFICATION_KEPT_MS, validity(chainOf(storeContext))));
  return 1;
}

/** Milliseconds until the first certificate of the chain expires; 0 when that cannot be told. */
function validity(chain: number): number {
  const count = chain === 0 ? 0 : stackSize(chain);
  let shortest = count > 0 ? VERIFICATION_KEPT_MS : 0;
  for (let index = 0; index < count; index += 1) {
    const end = notAfter(stackItem(chain, index));
    if (timeDifference(difference.address, difference.address + 4, 0, end) !== 1) {
      takeOpensslError();
      return 0;
    }
    const seconds = difference.bytes.readInt32LE(0) * 86_400 + difference.bytes.readInt32LE(4);
    shortest = Math.min(shortest, Math.max(0, seconds) * 1000);
  }
  return shortest;
}
