import { constants } from 'node:fs';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AmbitError, messageOf } from '@ambit/core/errors';
import type { AuthorityMaterial } from './signing-key.ts';

/** Names as in Istio's `cacerts` secret. */
const FILES = {
  certificatePem: 'ca-cert.pem',
  privateKeyPem: 'ca-key.pem',
  chainPem: 'cert-chain.pem',
  rootsPem: 'root-cert.pem',
} as const satisfies Record<keyof AuthorityMaterial, string>;

/** Reads a plugged-in authority from a directory in `cacerts` layout; `cert-chain.pem` may be missing. Throws `AMBIT_CA_FILES`. */
export async function readAuthority(directory: string): Promise<AuthorityMaterial> {
  const read = async (name: string): Promise<string> => {
    try {
      return await readFile(join(directory, name), 'utf8');
    } catch (error) {
      throw new AmbitError('AMBIT_CA_FILES', `${join(directory, name)} cannot be read: ${messageOf(error)}`, {
        source: 'configuration',
        cause: error,
      });
    }
  };
  return {
    certificatePem: await read(FILES.certificatePem),
    privateKeyPem: await read(FILES.privateKeyPem),
    chainPem: await read(FILES.chainPem).catch(() => ''),
    rootsPem: await read(FILES.rootsPem),
  };
}

/** Whether a directory holds an authority already, by its key. */
export async function hasAuthority(directory: string): Promise<boolean> {
  try {
    const file = await open(join(directory, FILES.privateKeyPem));
    await file.close();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw new AmbitError('AMBIT_CA_FILES', `${join(directory, FILES.privateKeyPem)}: ${messageOf(error)}`, {
      source: 'configuration',
      cause: error,
    });
  }
}

/** Writes an authority into a directory that only its owner can read; the key comes last, so that it stands for the whole. */
export async function writeAuthority(directory: string, material: AuthorityMaterial): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const part of ['rootsPem', 'chainPem', 'certificatePem', 'privateKeyPem'] as const) {
    await writeAtomically(join(directory, FILES[part]), material[part], 0o600);
  }
}

/** Writes a file so that a reader sees the old text or the new one and nothing between, also after a crash. */
export async function writeAtomically(path: string, text: string, mode: number): Promise<void> {
  const temporary = join(dirname(path), `.${path.slice(dirname(path).length + 1)}.tmp`);
  const file = await open(
    temporary,
    constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW,
    mode,
  );
  try {
    await file.chmod(mode);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
