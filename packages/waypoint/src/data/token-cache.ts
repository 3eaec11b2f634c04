import { hash } from 'node:crypto';
import type { ParsedToken } from '@ambit/traffic/token/parse-token';
import { REMEMBERED_TOKEN_BYTES, TOKENS_REMEMBERED } from '../limits.ts';

/** Tokens that were found good, by their hash. The tokens themselves are not kept. */
export class TokenCache {
  /** The oldest first. */
  readonly #known = new Map<string, ParsedToken>();

  get size(): number {
    return this.#known.size;
  }

  find(text: string): ParsedToken | undefined {
    return text.length > REMEMBERED_TOKEN_BYTES ? undefined : this.#known.get(hash('sha256', text, 'base64'));
  }

  add(text: string, token: ParsedToken): void {
    if (text.length > REMEMBERED_TOKEN_BYTES) return;
    this.#known.set(hash('sha256', text, 'base64'), token);
    if (this.#known.size <= TOKENS_REMEMBERED) return;
    const [oldest = ''] = this.#known.keys();
    this.#known.delete(oldest);
  }

  remove(text: string): void {
    this.#known.delete(hash('sha256', text, 'base64'));
  }
}
