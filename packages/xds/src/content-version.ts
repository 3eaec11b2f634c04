import { hash } from 'node:crypto';

/**
 * The version of a resource, from its bytes alone: every controller replica gives the same one, and a reconnecting client
 * is sent only what differs. 128 bits of SHA-256. The bytes must be encoded the same way each time (map keys in order).
 */
export function contentVersion(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'base64url').slice(0, 22);
}
