import { AmbitError } from './errors.ts';

/** A workload identity `spiffe://<trustDomain>/ns/<namespace>/sa/<serviceAccount>`, always compared by its fields. */
export interface SpiffeId {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

// A trust domain as in the SPIFFE-ID specification 2.1: lower case, no port, no percent escapes.
const TRUST_DOMAIN = /^[a-z0-9][a-z0-9._-]{0,254}$/;
// Kubernetes DNS-1123 label (namespace) and subdomain (service account).
const NAMESPACE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const SERVICE_ACCOUNT = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

/** Parses a SPIFFE URI strictly; undefined for every other shape (upper case, trailing slash, escapes, empty parts). */
export function parseSpiffeId(uri: string): SpiffeId | undefined {
  if (uri.length > 2048 || !uri.startsWith('spiffe://')) return undefined;
  const parts = uri.slice('spiffe://'.length).split('/');
  if (parts.length !== 5 || parts[1] !== 'ns' || parts[3] !== 'sa') return undefined;
  const [trustDomain = '', , namespace = '', , serviceAccount = ''] = parts;
  if (!TRUST_DOMAIN.test(trustDomain) || !NAMESPACE.test(namespace) || !SERVICE_ACCOUNT.test(serviceAccount))
    return undefined;
  return { trustDomain, namespace, serviceAccount };
}

/** As `parseSpiffeId`, but throws `AMBIT_SPIFFE_ID` that quotes the input. */
export function requireSpiffeId(uri: string): SpiffeId {
  const id = parseSpiffeId(uri);
  if (id === undefined) {
    throw new AmbitError(
      'AMBIT_SPIFFE_ID',
      `${JSON.stringify(uri.slice(0, 200))} is not spiffe://<trust domain>/ns/<namespace>/sa/<service account>`,
    );
  }
  return id;
}

export function formatSpiffeId(id: SpiffeId): string {
  return `spiffe://${id.trustDomain}/ns/${id.namespace}/sa/${id.serviceAccount}`;
}

export function sameSpiffeId(a: SpiffeId, b: SpiffeId): boolean {
  return a.trustDomain === b.trustDomain && a.namespace === b.namespace && a.serviceAccount === b.serviceAccount;
}
