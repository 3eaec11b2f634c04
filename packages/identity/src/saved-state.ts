import { messageOf } from '@ambit/core/errors';
import { formatSpiffeId, requireSpiffeId } from '@ambit/core/spiffe';
import type { Certificate } from './certificate.ts';
import { checkChain } from './certificate-chain.ts';

/** Raised when the layout changes; state of another version is dropped as a whole. */
const VERSION = 1;

interface SavedCertificate {
  readonly identity: string;
  readonly generation: number;
  readonly certificateChainPem: string;
  readonly privateKeyPem: string;
  readonly rootsPem: string;
}

/** Certificates with their private keys as bytes, for memory that outlives the process. Never write them to a disk. */
export function encodeState(certificates: Iterable<Certificate>): Uint8Array {
  const saved = Array.from(
    certificates,
    (certificate): SavedCertificate => ({
      identity: formatSpiffeId(certificate.identity),
      generation: certificate.generation,
      certificateChainPem: certificate.certificateChainPem,
      privateKeyPem: certificate.privateKeyPem,
      rootsPem: certificate.rootsPem,
    }),
  );
  return new TextEncoder().encode(JSON.stringify({ version: VERSION, certificates: saved }));
}

export interface DecodedState {
  readonly certificates: readonly Certificate[];
  /** What could not be used, and why: damaged, expired, of another version. */
  readonly dropped: readonly { readonly identity: string; readonly reason: string }[];
}

/** Reads what `encodeState` wrote and checks every certificate like a fresh one at `now` (wall time, ms). Never throws. */
export function decodeState(bytes: Uint8Array, now: number): DecodedState {
  const certificates: Certificate[] = [];
  const dropped: { identity: string; reason: string }[] = [];
  for (const saved of parse(bytes)) {
    if (typeof saved === 'string') {
      dropped.push({ identity: '', reason: saved });
      continue;
    }
    try {
      const chainPem = [saved.certificateChainPem, saved.rootsPem];
      const checked = checkChain(
        requireSpiffeId(saved.identity),
        { privateKeyPem: saved.privateKeyPem, chainPem },
        now,
      );
      certificates.push({ ...checked, generation: saved.generation });
    } catch (error) {
      dropped.push({ identity: saved.identity, reason: messageOf(error) });
    }
  }
  return { certificates, dropped };
}

/** Entries, or in the place of an unusable one the reason. */
function parse(bytes: Uint8Array): (SavedCertificate | string)[] {
  let state: unknown;
  try {
    state = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    return [`saved certificates cannot be read: ${messageOf(error)}`];
  }
  if (!isRecord(state) || state.version !== VERSION || !Array.isArray(state.certificates)) {
    return ['saved certificates are of another version'];
  }
  return state.certificates.map((entry: unknown) => (isSaved(entry) ? entry : 'a saved certificate lacks fields'));
}

function isSaved(value: unknown): value is SavedCertificate {
  return (
    isRecord(value) &&
    [value.identity, value.certificateChainPem, value.privateKeyPem, value.rootsPem].every(
      (field) => typeof field === 'string',
    ) &&
    Number.isSafeInteger(value.generation)
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
