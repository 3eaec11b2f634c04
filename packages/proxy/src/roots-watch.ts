import { readFile } from 'node:fs/promises';
import type { Clock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { ROOTS_LOOK, ROOTS_SETTLE } from './limits.ts';

export interface RootsWatchOptions {
  /** Where the controller's roots are published. */
  readonly file: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called with each root, PEM, that was added; at the first look with all. */
  readonly onRoot: (pem: string) => void;
}

/**
 * Notices when the mesh begins to trust another root. The CA tells with every certificate what to trust, but the next one may
 * be half a day away; the file with the roots changes within a minute or two.
 */
export class RootsWatch {
  readonly #options: RootsWatchOptions;
  #known: ReadonlySet<string> | undefined;

  constructor(options: RootsWatchOptions) {
    this.#options = options;
  }

  /** Looks now and from then on. */
  start(): void {
    void this.#look();
  }

  async #look(): Promise<void> {
    const { file, clock, log, onRoot } = this.#options;
    // A file that cannot be read is complained of by those who need it.
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text !== undefined) {
      const roots = new Set(text.match(CERTIFICATE) ?? []);
      const known = this.#known;
      const added = [...roots].filter((root) => known?.has(root) !== true);
      this.#known = roots;
      if (known !== undefined && added.length > 0) {
        log.info(
          { added: added.length, roots: roots.size },
          'the mesh trusts another root; certificates are renewed with it',
        );
      }
      const tell = (): void => {
        for (const root of added) onRoot(root);
      };
      // Not every replica of the CA may have noticed yet.
      if (known === undefined) tell();
      else if (added.length > 0) clock.setTimeout(tell, ROOTS_SETTLE, { background: true });
    }
    clock.setTimeout(() => void this.#look(), ROOTS_LOOK, { background: true });
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
