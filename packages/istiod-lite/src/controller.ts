import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toJson } from '@bufbuild/protobuf';
import type { SocketAddress } from '@ambit/core/address';
import type { Clock } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import { AuthorizationSchema } from '@ambit/proto/authorization';
import { ServedServiceSchema } from '@ambit/proto/waypoint';
import { AddressSchema } from '@ambit/proto/workload';
import { formatProblem } from '@ambit/translation/manifest/problem';
import { CertificateAuthority, createRoot } from './ca/authority.ts';
import { hasAuthority, readAuthority, writeAtomically, writeAuthority } from './ca/authority-files.ts';
import type { MeshState } from './model/mesh-state.ts';
import type { Options } from './options.ts';
import type { StatusPage } from './serve/status-server.ts';

/** The public keys of a PEM file, P-256 each, one at least. Throws `AMBIT_CONFIG`. */
export async function readTokenKeys(file: string): Promise<KeyObject[]> {
  const wrong = (reason: string): AmbitError =>
    new AmbitError('AMBIT_CONFIG', `--token-key ${file}: ${reason}`, { source: 'configuration' });
  const pem = await readFile(file, 'utf8').catch((error: unknown) => {
    throw wrong(messageOf(error));
  });
  if (pem.includes('PRIVATE KEY')) throw wrong('it holds a private key, and only the public half belongs here');
  const blocks = pem.match(/-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----/g) ?? [];
  if (blocks.length === 0) throw wrong('it holds no public key in PEM');
  return blocks.map((block) => {
    const key = createPublicKey(block);
    if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw wrong('a key is not of the curve P-256');
    return key;
  });
}

/** The plugged-in authority, else the one kept in the state directory, else a new root, which is kept there if there is one. */
export async function openAuthority(options: Options, clock: Clock, log: Logger): Promise<CertificateAuthority> {
  const { caDir, stateDir, trustDomain } = options;
  const lifetimes = { defaultTtl: options.defaultCertTtl, maxTtl: options.maxCertTtl };
  if (caDir !== '') return await CertificateAuthority.load(await readAuthority(caDir), lifetimes, clock);
  const directory = join(stateDir, 'ca');
  if (stateDir !== '' && (await hasAuthority(directory))) {
    return await CertificateAuthority.load(await readAuthority(directory), lifetimes, clock);
  }
  const material = await createRoot(trustDomain, clock.wallTime());
  if (stateDir !== '') await writeAuthority(directory, material);
  log.info({ kept: stateDir !== '' }, 'a new self-signed root is made');
  return await CertificateAuthority.load(material, lifetimes, clock);
}

/** Writes the roots where proxies are told to look for them. */
export async function writeRoots(options: Options, authority: CertificateAuthority): Promise<void> {
  if (options.rootCertOut === '') return;
  try {
    await writeAtomically(options.rootCertOut, authority.rootsPem, 0o644);
  } catch (error) {
    throw new AmbitError('AMBIT_CONFIG', `--root-cert-out ${options.rootCertOut}: ${messageOf(error)}`, {
      source: 'configuration',
      cause: error,
    });
  }
}

/** What the status server shows. */
export function statusPages(parts: {
  readonly mesh: MeshState;
  readonly clients: () => readonly string[];
  readonly metrics: () => string;
  readonly listening: () => SocketAddress | undefined;
}): ReadonlyMap<string, () => StatusPage> {
  const json = (value: unknown): StatusPage => ({ body: `${JSON.stringify(value, null, 2)}\n` });
  return new Map<string, () => StatusPage>([
    [
      '/ready',
      () => {
        const ready = parts.listening() !== undefined && parts.mesh.translation !== undefined;
        return { status: ready ? 200 : 503, contentType: 'text/plain', body: ready ? 'ready\n' : 'not ready\n' };
      },
    ],
    ['/metrics', () => ({ contentType: 'text/plain; version=0.0.4', body: parts.metrics() })],
    ['/debug/resources', () => json(resourcesAsJson(parts.mesh))],
    [
      '/debug/problems',
      () =>
        json({
          refused: parts.mesh.problems.map((problem) => formatProblem(problem)),
          notHonoured: parts.mesh.notHonoured,
        }),
    ],
    ['/debug/clients', () => json(parts.clients())],
  ]);
}

function resourcesAsJson({ translation }: MeshState): Record<string, unknown> {
  if (translation === undefined) return {};
  return {
    addresses: Object.fromEntries(
      Array.from(translation.addresses, ([name, value]) => [name, toJson(AddressSchema, value)]),
    ),
    authorizations: Object.fromEntries(
      Array.from(translation.authorizations, ([name, value]) => [name, toJson(AuthorizationSchema, value)]),
    ),
    servedServices: Object.fromEntries(
      Array.from(translation.servedServices, ([name, value]) => [name, toJson(ServedServiceSchema, value)]),
    ),
    conditions: translation.conditions,
  };
}
