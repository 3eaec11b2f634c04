import { AmbitError } from '@ambit/core/errors';
import { openssl } from './library.ts';
import { allocate } from '../memory.ts';
import { HANDLE_BIO, freeHandle } from '../openssl-handle.ts';
import { takeOpensslError } from '../openssl-error.ts';

const bioNewMemBuf = openssl('BIO_new_mem_buf', 'uintptr_t', ['uintptr_t', 'int'], { result: 0 });
const readX509 = openssl('PEM_read_bio_X509', 'uintptr_t', ['uintptr_t', 'uintptr_t', 'uintptr_t', 'uintptr_t'], {
  result: 0,
});
const readPrivateKey = openssl(
  'PEM_read_bio_PrivateKey',
  'uintptr_t',
  ['uintptr_t', 'uintptr_t', 'uintptr_t', 'uintptr_t'],
  { result: 0 },
);
const readCrl = openssl('PEM_read_bio_X509_CRL', 'uintptr_t', ['uintptr_t', 'uintptr_t', 'uintptr_t', 'uintptr_t'], {
  result: 0,
});
const crlFree = openssl('X509_CRL_free', 'void', ['uintptr_t'], { releases: true });
const storeAddCrl = openssl('X509_STORE_add_crl', 'int', ['uintptr_t', 'uintptr_t'], { result: 0 });
const x509Free = openssl('X509_free', 'void', ['uintptr_t'], { releases: true });
const keyFree = openssl('EVP_PKEY_free', 'void', ['uintptr_t'], { releases: true });
const useCertificate = openssl('SSL_CTX_use_certificate', 'int', ['uintptr_t', 'uintptr_t'], { result: 0 });
const useKey = openssl('SSL_CTX_use_PrivateKey', 'int', ['uintptr_t', 'uintptr_t'], { result: 0 });
const checkKey = openssl('SSL_CTX_check_private_key', 'int', ['uintptr_t'], { result: 0 });
const contextControl = openssl('SSL_CTX_ctrl', 'int64_t', ['uintptr_t', 'int', 'int64_t', 'uintptr_t'], { result: 0 });
const certificateStore = openssl('SSL_CTX_get_cert_store', 'uintptr_t', ['uintptr_t'], {
  result: 0,
});
const storeAdd = openssl('X509_STORE_add_cert', 'int', ['uintptr_t', 'uintptr_t'], { result: 0 });
const storeSetFlags = openssl('X509_STORE_set_flags', 'int', ['uintptr_t', 'uint64_t'], { result: 0 });

const SSL_CTRL_CHAIN_CERT = 89;
const ADD_WITH_OWN_REFERENCE = 1;
/** Every certificate among the roots is an anchor, self-signed or not, as with the peers written in Rust and Go. */
const X509_V_FLAG_PARTIAL_CHAIN = 0x80000;

const X509_V_FLAG_CRL_CHECK = 0x4;
const X509_V_FLAG_CRL_CHECK_ALL = 0x8;

export interface Pem {
  /** Leaf first, then intermediates. */
  readonly certificateChainPem: string;
  /** PKCS #8 or SEC 1, not encrypted. */
  readonly privateKeyPem: string;
  /** Trust anchors, one or more. */
  readonly rootsPem: string;
}

export function installKeyMaterial(context: number, pem: Pem): void {
  installOwnCertificate(context, pem);
  installRoots(context, pem.rootsPem);
}

/** Key and chain of this side. */
export function installOwnCertificate(context: number, pem: Omit<Pem, 'rootsPem'>): void {
  eachCertificate('certificateChainPem', pem.certificateChainPem, (x509, index) => {
    const added =
      index === 0
        ? useCertificate(context, x509)
        : contextControl(context, SSL_CTRL_CHAIN_CERT, ADD_WITH_OWN_REFERENCE, x509);
    if (added !== 1) refuse('certificateChainPem', takeOpensslError().text);
  });
  withBio('privateKeyPem', pem.privateKeyPem, (bio) => {
    const key = readPrivateKey(bio, 0, 0, 0);
    if (key === 0) refuse('privateKeyPem', takeOpensslError().text);
    const used = useKey(context, key);
    keyFree(key);
    if (used !== 1) refuse('privateKeyPem', takeOpensslError().text);
  });
  if (checkKey(context) !== 1)
    refuse('privateKeyPem', `does not belong to the certificate (${takeOpensslError().text})`);
}

/** Whom this side trusts. */
export function installRoots(context: number, rootsPem: string): void {
  const store = certificateStore(context);
  if (store === 0 || storeSetFlags(store, X509_V_FLAG_PARTIAL_CHAIN) !== 1) refuse('rootsPem', 'no certificate store');
  eachCertificate('rootsPem', rootsPem, (x509) => {
    if (storeAdd(store, x509) !== 1) refuse('rootsPem', takeOpensslError().text);
  });
}

/** Revoked certificates: every certificate of a chain but the root's is looked up, and without a list it is refused (as in Envoy). */
export function installRevocations(context: number, crlPem: string): void {
  const store = certificateStore(context);
  if (store === 0 || storeSetFlags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) !== 1)
    refuse('crlPem', 'no certificate store');
  eachObject('crlPem', crlPem, { read: readCrl, free: crlFree }, (crl) => {
    if (storeAddCrl(store, crl) !== 1) refuse('crlPem', takeOpensslError().text);
  });
}

type Field = keyof Pem | 'crlPem';

interface PemObject {
  readonly read: typeof readX509;
  readonly free: typeof x509Free;
}

function eachCertificate(field: Field, text: string, use: (x509: number, index: number) => void): void {
  eachObject(field, text, { read: readX509, free: x509Free }, use);
}

function eachObject(
  field: Field,
  text: string,
  { read, free }: PemObject,
  use: (object: number, index: number) => void,
): void {
  withBio(field, text, (bio) => {
    let index = 0;
    for (;;) {
      const object = read(bio, 0, 0, 0);
      if (object === 0) break;
      try {
        use(object, index);
      } finally {
        free(object);
      }
      index += 1;
    }
    const error = takeOpensslError();
    // The end of the text shows as "no start line"; anything else is a damaged certificate in the middle.
    if (index === 0 || error.reason !== PEM_R_NO_START_LINE)
      refuse(field, index === 0 ? `holds no ${what(field)}` : `${what(field)} ${index + 1}: ${error.text}`);
  });
}

const PEM_R_NO_START_LINE = 108;

function withBio(field: Field, text: string, use: (bio: number) => void): void {
  const memory = allocate(Math.max(Buffer.byteLength(text), 1));
  const length = memory.bytes.write(text);
  const bio = bioNewMemBuf(memory.address, length);
  if (bio === 0) refuse(field, takeOpensslError().text);
  try {
    use(bio);
  } finally {
    freeHandle(HANDLE_BIO, bio);
    // Keys do not stay in memory that the collector will hand out some day.
    memory.bytes.fill(0);
  }
}

function what(field: Field): string {
  return field === 'crlPem' ? 'revocation list' : 'certificate';
}

function refuse(field: Field, reason: string): never {
  throw new AmbitError('AMBIT_TLS_CONTEXT', `${field}: ${reason}`, { source: 'configuration' });
}
