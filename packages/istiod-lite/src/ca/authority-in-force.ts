import { createHash, X509Certificate } from 'node:crypto';
import type { Clock, Timer } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import { messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import type { SpiffeId } from '@ambit/core/spiffe';
import { HANDOVER_LOOK_MS, HANDOVER_PART } from '../limits.ts';
import { type AuthorityLifetimes, CertificateAuthority, type IssuedCertificate } from './authority.ts';
import type { CertificateRequest } from './certificate-request.ts';
import type { AuthorityMaterial } from './signing-key.ts';

/** A handover from one authority to the next, as far as it must outlive this process. Times in milliseconds since the epoch. */
export interface SavedHandover {
  /** What signs until `until`, while the authority of digest `next` is trusted and does not sign yet. */
  readonly signing?: { readonly material: AuthorityMaterial; readonly until: number; readonly next: string };
  /** Roots that are trusted for what was signed under them. */
  readonly retained: readonly RetainedRoot[];
}

export interface RetainedRoot {
  readonly pem: string;
  readonly until: number;
}

export interface AuthorityInForceParts {
  readonly lifetimes: AuthorityLifetimes;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What is different since the last call. */
export interface AuthorityChange {
  /** `rootsPem`. */
  readonly roots: boolean;
  /** Who signs. */
  readonly signing: boolean;
}

interface Loaded {
  readonly authority: CertificateAuthority;
  readonly material: AuthorityMaterial;
}

/**
 * The authority of the mesh over changes of it. One under a root that is trusted already signs at once. A new root is trusted
 * first: everybody gets both roots with the next certificate, which the old authority still signs, and when all have renewed
 * the new one begins. The old root is trusted until what was signed under it has expired.
 */
export class AuthorityInForce implements Drainable {
  onChange: (change: AuthorityChange) => void = () => undefined;
  readonly #parts: AuthorityInForceParts;
  #signing: Loaded;
  /** Trusted, and signs from `at` on. */
  #next: (Loaded & { readonly at: number }) | undefined;
  /** By fingerprint; those that an authority names as well are trusted anyway. */
  readonly #retained = new Map<string, { readonly root: X509Certificate; readonly until: number }>();
  /** Until when something signed under a root may be valid, by fingerprint. */
  readonly #signedUntil = new Map<string, number>();
  /** Since when a root is trusted, by fingerprint. */
  readonly #since = new Map<string, number>();
  /** Of the workloads' certificates, milliseconds. */
  #longestTtl: number;
  #rootsPem = '';
  #toldSigning: CertificateAuthority;
  #timer: Timer | undefined;

  private constructor(parts: AuthorityInForceParts, signing: Loaded) {
    this.#parts = parts;
    this.#signing = signing;
    this.#toldSigning = signing.authority;
    this.#longestTtl = parts.lifetimes.defaultTtl;
  }

  /** `saved`: what a predecessor had begun. Throws `AMBIT_CA_FILES` when the material cannot be used. */
  static async open(
    material: AuthorityMaterial,
    parts: AuthorityInForceParts,
    saved: SavedHandover = { retained: [] },
  ): Promise<AuthorityInForce> {
    const opened = new AuthorityInForce(parts, await load(material, parts));
    await opened.#restore(saved);
    opened.#settle();
    return opened;
  }

  /** All roots that are trusted, PEM: those of the newest authority first. */
  get rootsPem(): string {
    return this.#rootsPem;
  }

  /** When what signs now expires, milliseconds since the epoch. */
  get expiresAt(): number {
    return this.#signing.authority.expiresAt;
  }

  /** How many roots are trusted. */
  get rootCount(): number {
    return this.#trusted().length;
  }

  /** When the newest authority begins to sign, milliseconds since the epoch; undefined when it does. */
  get handoverAt(): number | undefined {
    return this.#next?.at;
  }

  async issue(request: CertificateRequest, ttl: number | undefined): Promise<IssuedCertificate> {
    const issued = await this.#signing.authority.issue(request, ttl, this.#rootsPem);
    this.#longestTtl = Math.max(this.#longestTtl, issued.notAfter - this.#now);
    return issued;
  }

  issueServer(
    ...request: readonly [readonly string[], SpiffeId, number]
  ): ReturnType<CertificateAuthority['issueServer']> {
    return this.#signing.authority.issueServer(...request);
  }

  /**
   * Puts an authority in force, or begins to; false when it is the newest already. `atOnce`: it signs from now on and nothing
   * else is trusted any more, whatever that breaks. Throws `AMBIT_CA_FILES`; nothing changes then.
   */
  async take(material: AuthorityMaterial, { atOnce = false }: { readonly atOnce?: boolean } = {}): Promise<boolean> {
    const newest = this.#next ?? this.#signing;
    if (digestOf(material) === digestOf(newest.material)) {
      if (!atOnce || (this.#next === undefined && this.#retained.size === 0)) return false;
      this.#sign(newest);
      this.#retained.clear();
      this.#settle();
      return true;
    }
    const loaded = await load(material, this.#parts);
    const at = atOnce ? this.#now : this.#signsAt(loaded.authority);
    for (const root of newest.authority.roots) this.#retain(root);
    if (at <= this.#now) this.#sign(loaded);
    else this.#next = { ...loaded, at };
    if (atOnce) this.#retained.clear();
    const { log } = this.#parts;
    const anchor = loaded.authority.anchor.subject;
    if (this.#next === undefined) log.info({ root: anchor }, 'another authority signs from now on');
    else {
      const signsAt = new Date(at).toISOString();
      log.info(
        { root: anchor, signsAt },
        'a new root is trusted from now on; its authority signs when every proxy has learnt that',
      );
    }
    this.#settle();
    return true;
  }

  /** What a successor has to know to go on; undefined when nothing is under way. */
  save(): SavedHandover | undefined {
    const retained = [...this.#retained.values()].map(({ root, until }) => ({ pem: root.toString(), until }));
    if (this.#next === undefined) return retained.length === 0 ? undefined : { retained };
    const { at, material } = this.#next;
    return { signing: { material: this.#signing.material, until: at, next: digestOf(material) }, retained };
  }

  close(): Promise<void> {
    this.destroy();
    return Promise.resolve();
  }

  destroy(): void {
    this.#timer?.cancel();
  }

  get #now(): number {
    return this.#parts.clock.wallTime();
  }

  async #restore({ signing, retained }: SavedHandover): Promise<void> {
    // Replicas and predecessors may have signed under it until now.
    this.#signedUntil.set(this.#signing.authority.anchor.fingerprint256, this.#now + this.#longestTtl);
    for (const root of this.#signing.authority.roots) this.#since.set(root.fingerprint256, -Infinity);
    for (const { pem, until } of retained) {
      const root = new X509Certificate(pem);
      this.#retained.set(root.fingerprint256, { root, until });
    }
    if (signing === undefined || signing.until <= this.#now || signing.next !== digestOf(this.#signing.material))
      return;
    try {
      const old = await load(signing.material, this.#parts);
      this.#next = { ...this.#signing, at: signing.until };
      this.#signing = old;
    } catch (error) {
      this.#parts.log.warn(
        { reason: messageOf(error) },
        'the authority that should still sign cannot be used; the new one signs',
      );
    }
  }

  /** When an authority may sign: when its root has been trusted for long enough, and before what signs now expires. */
  #signsAt({ anchor }: CertificateAuthority): number {
    const wait = this.#longestTtl * HANDOVER_PART;
    const known = this.#trusted().filter((root) => provesTheSame(root, anchor));
    const since = Math.min(this.#now, ...known.map((root) => this.#since.get(root.fingerprint256) ?? this.#now));
    return Math.min(since + wait, Math.max(this.#now, this.expiresAt - wait));
  }

  #sign(loaded: Loaded): void {
    const old = this.#signing.authority;
    this.#signing = { authority: loaded.authority, material: loaded.material };
    this.#next = undefined;
    this.#since.set(loaded.authority.anchor.fingerprint256, -Infinity);
    this.#signedUntil.set(old.anchor.fingerprint256, this.#now + this.#longestTtl);
    for (const root of old.roots) this.#retain(root);
  }

  /** A root that nobody names any more is trusted for what was signed under it; those that signed nothing are not. */
  #retain(root: X509Certificate): void {
    const until = this.#signedUntil.get(root.fingerprint256);
    if (until !== undefined && until > this.#now) this.#retained.set(root.fingerprint256, { root, until });
  }

  /** Those of the newest authority, of the one that signs, and the retained ones, the same in every replica. */
  #trusted(): X509Certificate[] {
    const retained = [...this.#retained.values()].map(({ root }) => root);
    const all = [
      ...(this.#next?.authority.roots ?? []),
      ...this.#signing.authority.roots,
      ...retained.sort((a, b) => (a.fingerprint256 < b.fingerprint256 ? -1 : 1)),
    ];
    return [...new Map(all.map((root) => [root.fingerprint256, root])).values()];
  }

  /** Takes the steps that are due, and makes what follows from the state: the roots, who hears of it, the next look. */
  #settle(): void {
    if (this.#next !== undefined && this.#next.at <= this.#now) {
      this.#parts.log.info({ root: this.#next.authority.anchor.subject }, 'the new authority signs from now on');
      this.#sign(this.#next);
    }
    for (const [fingerprint, { until }] of this.#retained) if (until <= this.#now) this.#retained.delete(fingerprint);
    const trusted = this.#trusted();
    const fingerprints = new Set(trusted.map((root) => root.fingerprint256));
    for (const known of this.#since.keys()) if (!fingerprints.has(known)) this.#since.delete(known);
    for (const fingerprint of fingerprints) if (!this.#since.has(fingerprint)) this.#since.set(fingerprint, this.#now);
    const rootsPem = trusted.map(String).join('');
    const change = { roots: rootsPem !== this.#rootsPem, signing: this.#toldSigning !== this.#signing.authority };
    this.#rootsPem = rootsPem;
    this.#toldSigning = this.#signing.authority;
    this.#arm();
    if (change.roots || change.signing) this.onChange(change);
  }

  #arm(): void {
    this.#timer?.cancel();
    const times = [...this.#retained.values()].map(({ until }) => until);
    if (this.#next !== undefined) times.push(this.#next.at);
    if (times.length === 0) return;
    const delay = Math.min(Math.max(Math.min(...times) - this.#now, 1), HANDOVER_LOOK_MS);
    this.#timer = this.#parts.clock.setTimeout(() => this.#settle(), delay, { background: true });
  }
}

async function load(material: AuthorityMaterial, parts: AuthorityInForceParts): Promise<Loaded> {
  return { authority: await CertificateAuthority.load(material, parts.lifetimes, parts.clock), material };
}

function digestOf({ certificatePem, privateKeyPem, chainPem, rootsPem }: AuthorityMaterial): string {
  return createHash('sha256')
    .update(JSON.stringify([certificatePem, privateKeyPem, chainPem, rootsPem]))
    .digest('hex');
}

/** Whether who trusts one certificate believes what was signed under the other: the same name and the same key. */
function provesTheSame(one: X509Certificate, other: X509Certificate): boolean {
  return (
    one.subject === other.subject &&
    one.publicKey
      .export({ type: 'spki', format: 'der' })
      .equals(other.publicKey.export({ type: 'spki', format: 'der' }))
  );
}
