import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Model } from '../../model.ts';
import type { Secret } from '../../objects.ts';
import { certificatesProblem } from './upstream-tls.ts';

/** What a `credentialName` stands for at the waypoints of a namespace. Problems name the Secret and never what is in it. */
export interface Credential {
  /** `namespace/name`. */
  readonly name: string;
  /** Whom it trusts. */
  readonly authorities: { readonly caPem: string; readonly crlPem: string } | { readonly problem: string };
  readonly own: { readonly certificateChainPem: string; readonly privateKeyPem: string } | { readonly problem: string };
}

/** A Secret with authorities alone has the name of the other with this behind it (Istio). */
const AUTHORITY_SUFFIX = '-cacert';

// Keys of Secrets of type kubernetes.io/tls, and those of generic ones (Istio).
const AUTHORITIES = ['cacert', 'ca.crt'];
const REVOKED = ['crl', 'ca.crl'];
const CHAINS = ['cert', 'tls.crt'];
const KEYS = ['key', 'tls.key'];

/** The Secrets of a model that DestinationRules name. */
export class SecretCertificates {
  readonly #secrets: Model['secrets'];
  readonly #named = new Set<string>();
  readonly #read = new Map<string, Credential>();

  constructor({ secrets }: Pick<Model, 'secrets'>) {
    this.#secrets = secrets;
  }

  /** `credentialName` as a rule writes it; it is looked for in the namespace of the waypoint. */
  of(namespace: string, credentialName: string): Credential {
    const name = `${namespace}/${credentialName.replace(/^kubernetes:\/\//, '')}`;
    const known = this.#read.get(name);
    if (known !== undefined) return known;
    const places = [`${name}${AUTHORITY_SUFFIX}`, name];
    for (const place of places) this.#named.add(place);
    const [authority, own] = places.map((place) => this.#secrets.get(place));
    const credential = { name, authorities: authoritiesOf(name, authority ?? own, own), own: ownOf(name, own) };
    this.#read.set(name, credential);
    return credential;
  }

  /** `namespace/name` of those that were asked for. */
  get named(): ReadonlySet<string> {
    return this.#named;
  }
}

/** For rules of another namespace than the waypoint's, which may not use its Secrets. */
export function foreignCredential(namespace: string, credentialName: string): Credential {
  const name = `${namespace}/${credentialName}`;
  const problem = `a rule of another namespace than the waypoint's may not name its Secret ${name}`;
  return { name, authorities: { problem }, own: { problem } };
}

function authoritiesOf(name: string, first: Secret | undefined, second: Secret | undefined): Credential['authorities'] {
  if (first === undefined) return { problem: missing(name) };
  const caPem = textOf(first, AUTHORITIES) ?? (second === undefined ? undefined : textOf(second, AUTHORITIES));
  if (caPem === undefined)
    return { problem: `Secret ${name} has no certificate of an authority (${AUTHORITIES.join(', ')})` };
  const problem = certificatesProblem(caPem);
  if (problem !== undefined) return { problem: `Secret ${name}: the certificate of the authority ${problem}` };
  return { caPem, crlPem: textOf(first, REVOKED) ?? '' };
}

function ownOf(name: string, secret: Secret | undefined): Credential['own'] {
  if (secret === undefined) return { problem: missing(name) };
  const certificateChainPem = textOf(secret, CHAINS);
  const privateKeyPem = textOf(secret, KEYS);
  if (certificateChainPem === undefined || privateKeyPem === undefined) {
    return { problem: `Secret ${name} has no certificate with its key (tls.crt and tls.key, or cert and key)` };
  }
  const problem = certificatesProblem(certificateChainPem);
  if (problem !== undefined) return { problem: `Secret ${name}: the certificate ${problem}` };
  return belongsTogether(certificateChainPem, privateKeyPem)
    ? { certificateChainPem, privateKeyPem }
    : { problem: `Secret ${name}: the key cannot be read or is not that of the certificate` };
}

function missing(name: string): string {
  return `Secret ${name} is not there, or the controller may not read it (a Role must let it get, list and watch that name)`;
}

function textOf({ data = {}, stringData = {} }: Secret, keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const text =
      stringData[key] ?? (data[key] === undefined ? undefined : Buffer.from(data[key], 'base64').toString('utf8'));
    if (text !== undefined && text.trim() !== '') return text;
  }
  return undefined;
}

function belongsTogether(chainPem: string, keyPem: string): boolean {
  try {
    return new X509Certificate(chainPem).checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    return false;
  }
}
