import type { SignatureVerdict, TokenVerifier } from '@ambit/traffic/token/compiled-authentication';
import { parseToken, type ParsedToken } from '@ambit/traffic/token/parse-token';
import type { TokenFault } from '@ambit/traffic/token/token-fault';
import { TOKEN_CLOCK_SKEW_SECONDS } from '@ambit/traffic/limits';
import { KEYS_TRIED_PER_TOKEN, KEYS_WAIT_MS, REQUESTS_WAITING_FOR_KEYS } from '../limits.ts';
import type { TokenKeysChange } from '../messages.ts';
import { PublicKey } from './public-key.ts';
import { TokenCache } from './token-cache.ts';

export interface TokenKeysParts {
  /** Milliseconds since the epoch. */
  readonly wallTime: () => number;
  readonly after: (ms: number, run: () => void) => { cancel(): void };
  /** Asks the control side for newer keys; it answers each by `settled`. */
  readonly want: (source: string) => void;
}

/** The public keys of issuers as this thread has them, and what waits for newer ones. */
export class TokenKeys implements TokenVerifier {
  readonly #parts: TokenKeysParts;
  readonly #sources = new Map<string, readonly PublicKey[]>();
  readonly #cache = new TokenCache();
  /** By which keys a token was found good: they are replaced as a whole. */
  readonly #provenBy = new WeakMap<ParsedToken, readonly PublicKey[]>();
  readonly #texts = new WeakMap<ParsedToken, string>();
  /** By source. */
  readonly #waiting = new Map<string, Set<() => void>>();
  #waiters = 0;

  constructor(parts: TokenKeysParts) {
    this.#parts = parts;
  }

  /** Tokens that are remembered. */
  get remembered(): number {
    return this.#cache.size;
  }

  now(): number {
    return this.#parts.wallTime() / 1_000;
  }

  parse(text: string): ParsedToken | TokenFault {
    const known = this.#cache.find(text);
    if (known !== undefined) {
      if (known.expires !== undefined && known.expires + TOKEN_CLOCK_SKEW_SECONDS < this.now())
        this.#cache.remove(text);
      return known;
    }
    const parsed = parseToken(text);
    if (typeof parsed !== 'string') this.#texts.set(parsed, text);
    return parsed;
  }

  verify(source: string, token: ParsedToken): SignatureVerdict {
    const keys = this.#sources.get(source);
    if (keys === undefined || keys.length === 0) return 'no-keys';
    if (this.#provenBy.get(token) === keys) return 'good';
    const own = keys.filter((key) => key.mayHaveSigned(token));
    if (own.length === 0) return 'no-key';
    if (!own.slice(0, KEYS_TRIED_PER_TOKEN).some((key) => key.verifies(token))) return 'bad';
    this.#provenBy.set(token, keys);
    const text = this.#texts.get(token);
    if (text !== undefined) {
      this.#texts.delete(token);
      this.#cache.add(text, token);
    }
    return 'good';
  }

  /**
   * Runs once when the control side has looked for newer keys of one of the sources. What comes back takes the wait back, and
   * must be called when nobody waits any more; undefined: too many wait already.
   */
  wait(sources: readonly string[], run: () => void): (() => void) | undefined {
    if (this.#waiters >= REQUESTS_WAITING_FOR_KEYS) return undefined;
    this.#waiters += 1;
    let over = false;
    const end = (): void => {
      if (over) return;
      over = true;
      timer.cancel();
      this.#waiters -= 1;
      for (const source of sources) {
        const waiting = this.#waiting.get(source);
        waiting?.delete(once);
        if (waiting?.size === 0) this.#waiting.delete(source);
      }
    };
    const once = (): void => {
      end();
      run();
    };
    const timer = this.#parts.after(KEYS_WAIT_MS, once);
    for (const source of sources) {
      const waiting = this.#waiting.get(source);
      if (waiting === undefined) {
        this.#waiting.set(source, new Set([once]));
        this.#parts.want(source);
      } else {
        waiting.add(once);
      }
    }
    return end;
  }

  apply({ changed, removed, settled }: TokenKeysChange): void {
    for (const { source, keys } of changed)
      this.#sources.set(
        source,
        keys.map((key) => new PublicKey(key)),
      );
    for (const source of removed) this.#sources.delete(source);
    for (const source of settled) for (const run of [...(this.#waiting.get(source) ?? [])]) run();
  }
}
