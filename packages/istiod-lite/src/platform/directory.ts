import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { createRoot } from '../ca/authority.ts';
import { hasAuthority, readAuthority, writeAtomically, writeAuthority } from '../ca/authority-files.ts';
import { AuthorityInForce } from '../ca/authority-in-force.ts';
import { AuthorityWatch, type FoundAuthority } from '../ca/authority-watch.ts';
import type { TokenVerifier } from '../ca/caller.ts';
import { SignedTokens } from '../ca/service-account-token.ts';
import { ReadyWaypoints } from '../model/ready-waypoints.ts';
import type { StatusPage } from '../serve/status-server.ts';
import { ConfigDirectory } from '../watch/config-directory.ts';
import type { Configuration, ConfigurationSource } from '../watch/configuration.ts';
import { LastGoodDirectory, NO_LAST_GOOD } from '../watch/last-good.ts';
import type { Platform, PlatformParts } from './platform.ts';

/** Objects from manifests, tokens by public keys, and everything that is kept in files. */
export class DirectoryPlatform implements Platform {
  readonly inCluster = false;
  readonly leading = false;
  readonly checksObjects = false;
  /** What a file holds is named where it stands. */
  readonly notHonoured: readonly string[] = [];
  readonly tokens: TokenVerifier;
  readonly readyWaypoints: ReadyWaypoints;
  readonly pages: ReadonlyMap<string, () => StatusPage> = new Map();
  readonly #parts: PlatformParts;
  #authority: AuthorityInForce | undefined;
  #watch: AuthorityWatch | undefined;

  private constructor(parts: PlatformParts, keys: readonly KeyObject[]) {
    const { options, clock, log } = parts;
    this.#parts = parts;
    this.tokens = new SignedTokens({ keys, issuer: options.tokenIssuer }, clock);
    const memory = options.stateDir === '' ? '' : join(options.stateDir, 'ready-waypoints');
    this.readyWaypoints = new ReadyWaypoints(memory, log);
  }

  /** Throws `AMBIT_CONFIG` when the keys that tokens are verified by cannot be read. */
  static async open(parts: PlatformParts): Promise<DirectoryPlatform> {
    return new DirectoryPlatform(parts, await readTokenKeys(parts.options.tokenKeyFile));
  }

  configuration(onChange: (configuration: Configuration) => void): ConfigurationSource {
    const { options, clock, log, counters } = this.#parts;
    const { configDirs, stateDir } = options;
    const lastGood = stateDir === '' ? NO_LAST_GOOD : new LastGoodDirectory(join(stateDir, 'last-good'), log);
    return new ConfigDirectory(configDirs, { clock, log, counters, lastGood, onChange });
  }

  /** The plugged-in authority, else the one kept in the state directory, else a new root, which is kept there if there is one. */
  async openAuthority(): Promise<AuthorityInForce> {
    const { options, clock, log, counters } = this.#parts;
    const { caDir, stateDir, trustDomain, defaultCertTtl: defaultTtl, maxCertTtl: maxTtl } = options;
    const parts = { lifetimes: { defaultTtl, maxTtl }, clock, log };
    if (caDir !== '') {
      this.#authority = await AuthorityInForce.open(await readAuthority(caDir), parts);
      const read = async (): Promise<FoundAuthority> => ({ material: await readAuthority(caDir), atOnce: false });
      this.#watch = new AuthorityWatch({ authority: this.#authority, read, clock, log, counters });
      return this.#authority;
    }
    const directory = join(stateDir, 'ca');
    if (stateDir !== '' && (await hasAuthority(directory))) {
      return await AuthorityInForce.open(await readAuthority(directory), parts);
    }
    const material = await createRoot(trustDomain, clock.wallTime());
    if (stateDir !== '') await writeAuthority(directory, material);
    log.info({ kept: stateDir !== '' }, 'a new self-signed root is made');
    return await AuthorityInForce.open(material, parts);
  }

  async publishRoots(authority: AuthorityInForce): Promise<void> {
    const { rootCertOut } = this.#parts.options;
    if (rootCertOut === '') return;
    try {
      await writeAtomically(rootCertOut, authority.rootsPem, 0o644);
    } catch (error) {
      throw new AmbitError('AMBIT_CONFIG', `--root-cert-out ${rootCertOut}: ${messageOf(error)}`, {
        source: 'configuration',
        cause: error,
      });
    }
  }

  /** Whoever runs the pods acts. */
  act(): void {}

  close(): Promise<void> {
    this.destroy();
    return Promise.resolve();
  }

  destroy(): void {
    this.#watch?.destroy();
    this.#authority?.destroy();
  }
}

/** The public keys of a PEM file, P-256 each, one at least. Throws `AMBIT_CONFIG`. */
async function readTokenKeys(file: string): Promise<KeyObject[]> {
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
