import { readFileSync, statSync } from 'node:fs';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { CREDENTIAL_FILE_MAX_BYTES } from '@ambit/core/limits';

/** Text of a small file. Throws `AMBIT_KUBE_CONFIG` that says what it was wanted for. */
export function readCredential(path: string, purpose: string): string {
  try {
    const { size } = statSync(path);
    if (size > CREDENTIAL_FILE_MAX_BYTES) throw new Error(`${size} bytes are too many`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw configurationError(`${purpose} cannot be read from ${path}: ${messageOf(error)}`, error);
  }
}

/**
 * A file that is replaced while the program runs (kubelet renews a token before it expires): read at every call, and the
 * last good content stays while the file is unreadable or refused by `check`. The first read throws `AMBIT_KUBE_CONFIG`.
 */
export function renewedCredential(path: string, purpose: string, check: (text: string) => string): () => string {
  const read = (): string => check(readCredential(path, purpose));
  let last = read();
  return () => {
    try {
      last = read();
    } catch {
      // It is being replaced, or is gone: the API server says soon enough if what we have no longer holds.
    }
    return last;
  };
}

/** The token of a text, fit for a header. Throws `AMBIT_KUBE_CONFIG`. */
export function tokenOf(text: string, where: string): string {
  const token = text.trim();
  if (!/^[\x21-\x7e]+$/.test(token)) throw configurationError(`${where} holds no token`);
  return token;
}

/** `text` when it holds a PEM certificate. Throws `AMBIT_KUBE_CONFIG`: without a root every server would be refused without a word on why. */
export function certificatesOf(text: string, where: string): string {
  if (!text.includes('-----BEGIN CERTIFICATE-----')) throw configurationError(`${where} holds no PEM certificate`);
  return text;
}

export function configurationError(message: string, cause?: unknown): AmbitError {
  return new AmbitError('AMBIT_KUBE_CONFIG', message, { source: 'configuration', cause });
}
