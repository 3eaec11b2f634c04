import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AmbitError } from '@ambit/core/errors';
import type { Component } from './component.ts';

/** What is read of a package.json. */
export interface PackageFile {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly license?: string;
}

/** The packages of package-lock.json by their folder. */
export type LockFile = Readonly<Record<string, LockedPackage>>;

export function readLockFile(root: string): LockFile {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: LockFile };
  return packages;
}

export function readPackageFile(folder: string): PackageFile {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as PackageFile;
}

/**
 * An installed package as the lock file has it; `folder` is relative to `root`, e.g. `node_modules/pino`.
 * Throws `AMBIT_IMAGE_LOCK` when what is installed is not what is locked.
 */
export function npmComponent(root: string, lock: LockFile, folder: string): Component {
  const installed = readPackageFile(join(root, folder));
  const locked = lock[folder];
  if (locked?.version !== installed.version) {
    throw new AmbitError(
      'AMBIT_IMAGE_LOCK',
      `${folder} is ${installed.version}, package-lock.json has ${locked?.version ?? 'no such package'}: run npm ci`,
      { source: 'configuration' },
    );
  }
  const [algorithm, digest = ''] = locked.integrity?.split('-') ?? [];
  return {
    name: installed.name,
    version: installed.version,
    purl: `pkg:npm/${installed.name.replace('@', '%40')}@${installed.version}`,
    ...(locked.license !== undefined && { license: locked.license }),
    ...(algorithm === 'sha512' && {
      checksum: { algorithm: 'SHA512', hex: Buffer.from(digest, 'base64').toString('hex') } as const,
    }),
  };
}
