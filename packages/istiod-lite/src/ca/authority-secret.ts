import { X509Certificate } from 'node:crypto';
import type { Clock } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import { type KubeClient, KubeError } from '@ambit/kube/client';
import { type KubeObject, SECRETS } from '@ambit/kube/resource';
import { ROOT_RENEWAL_PART } from '../limits.ts';
import { createRoot, renewRoot } from './authority.ts';
import type { FoundAuthority } from './authority-watch.ts';
import type { AuthorityMaterial } from './signing-key.ts';

/** A Secret, as far as it is used. */
interface Secret extends KubeObject {
  readonly kind: 'Secret';
  readonly type?: string;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
}

const PLUGGED_IN = 'cacerts';
const SELF_SIGNED = 'istio-ca-secret';

export interface AuthoritySecretParts {
  readonly client: Pick<KubeClient, 'create' | 'get'>;
  readonly namespace: string;
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The annotation of Secret `cacerts` by which no handover is made: the old root is trusted no more, whatever that breaks. */
const AT_ONCE = 'ambit.io/ca-handover';

/** Where an authority was found. */
export interface AuthoritySecret extends FoundAuthority {
  readonly pluggedIn: boolean;
}

/**
 * The authority of a cluster: plugged in by Secret `cacerts`, else the self-signed one of `istio-ca-secret`, which is made
 * when it is not there. Of replicas that start together one makes it and the others take what that made. Throws
 * `AMBIT_CA_FILES` for a Secret without what it needs, and what the API server says.
 */
export async function authorityOfSecrets(parts: AuthoritySecretParts): Promise<AuthoritySecret> {
  const found = await findAuthority(parts);
  if (found !== undefined) {
    if (found.pluggedIn) parts.log.info({ secret: `${parts.namespace}/${PLUGGED_IN}` }, 'the authority is plugged in');
    return found;
  }
  const material = await createRoot(parts.trustDomain, parts.clock.wallTime());
  try {
    await parts.client.create<Secret>(SECRETS, secretOf(material, parts.namespace));
  } catch (error) {
    if (!(error instanceof KubeError && error.code === 'AMBIT_KUBE_CONFLICT')) throw error;
    const made = await secretNamed(SELF_SIGNED, parts);
    if (made === undefined) throw error;
    return foundIn(made);
  }
  parts.log.info({ secret: `${parts.namespace}/${SELF_SIGNED}` }, 'a new self-signed root is made');
  return { material, atOnce: false, pluggedIn: false };
}

/** The authority that stands in the Secrets now; `AMBIT_CA_FILES` when the one that `before` was found in is gone. */
export async function authorityNow(
  parts: AuthoritySecretParts,
  before: { readonly pluggedIn: boolean },
): Promise<AuthoritySecret> {
  const found = await findAuthority(parts);
  if (found !== undefined && (found.pluggedIn || !before.pluggedIn)) return found;
  const name = `${parts.namespace}/${before.pluggedIn ? PLUGGED_IN : SELF_SIGNED}`;
  throw new AmbitError('AMBIT_CA_FILES', `Secret ${name}, in which the authority stood, is gone`, {
    source: 'configuration',
  });
}

/**
 * Renews the self-signed root when `ROOT_RENEWAL_PART` of its lifetime is left, with the key that it has, and writes it; every
 * replica finds it there. Rejects with what the API server says.
 */
export async function renewSelfSigned(
  parts: AuthoritySecretParts & { readonly client: Pick<KubeClient, 'replace'> },
): Promise<void> {
  if ((await secretNamed(PLUGGED_IN, parts)) !== undefined) return;
  const secret = await secretNamed(SELF_SIGNED, parts);
  if (secret === undefined) return;
  const material = materialOf(secret);
  const { validFromDate, validToDate } = new X509Certificate(material.certificatePem);
  const now = parts.clock.wallTime();
  const lifetime = validToDate.getTime() - validFromDate.getTime();
  if (validToDate.getTime() - now > lifetime * ROOT_RENEWAL_PART) return;
  const renewed = await renewRoot(material, now);
  const { data } = secretOf(renewed, parts.namespace);
  // With the version that was read: of two replicas that think they lead one writes.
  await parts.client.replace<Secret>(SECRETS, { ...secret, data: { ...secret.data, ...data } });
  parts.log.info({ secret: `${parts.namespace}/${SELF_SIGNED}` }, 'the self-signed root is renewed, with its key');
}

async function findAuthority(parts: AuthoritySecretParts): Promise<AuthoritySecret | undefined> {
  const secret = (await secretNamed(PLUGGED_IN, parts)) ?? (await secretNamed(SELF_SIGNED, parts));
  return secret === undefined ? undefined : foundIn(secret);
}

function foundIn(secret: Secret): AuthoritySecret {
  const { name, annotations = {} } = secret.metadata;
  return { material: materialOf(secret), atOnce: annotations[AT_ONCE] === 'none', pluggedIn: name === PLUGGED_IN };
}

async function secretNamed(name: string, { client, namespace }: AuthoritySecretParts): Promise<Secret | undefined> {
  try {
    return await client.get<Secret>(SECRETS, name, namespace);
  } catch (error) {
    if (error instanceof KubeError && error.code === 'AMBIT_KUBE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** Keys as Istio has them; `tls.crt`, `tls.key` and `ca.crt` of a kubernetes.io/tls Secret do as well. */
function materialOf({ metadata, data = {} }: Secret): AuthorityMaterial {
  const text = (...keys: readonly string[]): string =>
    keys.map((key) => Buffer.from(data[key] ?? '', 'base64').toString('utf8')).find((value) => value.trim() !== '') ??
    '';
  const required = (...keys: readonly string[]): string => {
    const value = text(...keys);
    if (value !== '') return value;
    const name = `${metadata.namespace ?? ''}/${metadata.name}`;
    throw new AmbitError('AMBIT_CA_FILES', `Secret ${name} has no key ${keys.join(' and no ')}`, {
      source: 'configuration',
    });
  };
  const certificatePem = required('ca-cert.pem', 'tls.crt');
  const isSelfSigned = metadata.name === SELF_SIGNED;
  return {
    certificatePem,
    privateKeyPem: required('ca-key.pem', 'tls.key'),
    chainPem: text('cert-chain.pem', 'tls.crt'),
    // Istio leaves the root of its own self-signed authority empty.
    rootsPem: isSelfSigned ? text('root-cert.pem') || certificatePem : required('root-cert.pem', 'ca.crt'),
  };
}

function secretOf(material: AuthorityMaterial, namespace: string): Secret {
  const base64 = (value: string): string => Buffer.from(value).toString('base64');
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: SELF_SIGNED, namespace },
    type: 'istio.io/ca-root',
    data: {
      'ca-cert.pem': base64(material.certificatePem),
      'ca-key.pem': base64(material.privateKeyPem),
      'cert-chain.pem': base64(material.chainPem),
      'root-cert.pem': base64(material.rootsPem),
    },
  };
}
