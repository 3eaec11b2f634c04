import { AmbitError } from '@ambit/core/errors';
import { formatSpiffeId, parseSpiffeId, sameSpiffeId, type SpiffeId } from '@ambit/core/spiffe';
import type { PeerCertificate } from '@ambit/native/peer-certificate';

// A peer's certificate comes again with each of its connections, and is the same object as long as it is remembered.
const identities = new WeakMap<PeerCertificate, SpiffeId>();
const principals = new WeakMap<SpiffeId, string>();

/** A peer's identity as a SPIFFE URI: the same string for each connection, so that tables hash it once. */
export function principalOf(identity: SpiffeId): string {
  let principal = principals.get(identity);
  if (principal === undefined) {
    principal = formatSpiffeId(identity);
    principals.set(identity, principal);
  }
  return principal;
}

/**
 * The one identity of a verified certificate. `AmbitError` `AMBIT_HBONE_NO_IDENTITY` when it has none, several, or one
 * that is not of the mesh's form: a certificate that could be read in two ways is not read at all.
 */
function identityOf(certificate: PeerCertificate | undefined): SpiffeId | AmbitError {
  const known = certificate === undefined ? undefined : identities.get(certificate);
  if (known !== undefined) return known;
  const uris = certificate?.uris ?? [];
  const [uri = ''] = uris;
  const identity = uris.length === 1 ? parseSpiffeId(uri) : undefined;
  if (certificate !== undefined && identity !== undefined) {
    identities.set(certificate, identity);
    return identity;
  }
  const shown = uris.length === 0 ? 'none' : uris.map((text) => JSON.stringify(text.slice(0, 200))).join(', ');
  return new AmbitError(
    'AMBIT_HBONE_NO_IDENTITY',
    `the peer's certificate must carry exactly one SPIFFE identity; it carries ${shown}`,
    {
      source: 'peer',
    },
  );
}

/** The identity of a server that was dialled, or why it is not the one: `AMBIT_HBONE_WRONG_IDENTITY`. */
export function serverIdentity(
  certificate: PeerCertificate | undefined,
  expected: readonly SpiffeId[],
): SpiffeId | AmbitError {
  const identity = identityOf(certificate);
  if (identity instanceof AmbitError || expected.some((candidate) => sameSpiffeId(candidate, identity)))
    return identity;
  const wanted = expected.map(formatSpiffeId).join(' or ');
  return new AmbitError(
    'AMBIT_HBONE_WRONG_IDENTITY',
    `the peer is ${formatSpiffeId(identity)}, expected was ${wanted}: another workload may have taken over the address`,
    { source: 'peer' },
  );
}

/** The identity of a client, or why it is not taken: `AMBIT_HBONE_TRUST_DOMAIN`. */
export function clientIdentity(
  certificate: PeerCertificate | undefined,
  trustDomains: ReadonlySet<string>,
): SpiffeId | AmbitError {
  const identity = identityOf(certificate);
  if (identity instanceof AmbitError || trustDomains.has(identity.trustDomain)) return identity;
  return new AmbitError(
    'AMBIT_HBONE_TRUST_DOMAIN',
    `the peer is ${formatSpiffeId(identity)}, and trust domain ${identity.trustDomain} is neither ours nor an alias of it`,
    { source: 'peer' },
  );
}
