import type { Ledger } from '@ambit/native/ledger';
import { HANDLE_BIO, HANDLE_SESSION } from '@ambit/native/openssl-handle';
import type { TlsContext } from '@ambit/native/tls-context';
import {
  type BioPair,
  attachBoth,
  freeBioPair,
  freeSession,
  introduce,
  newBioPair,
  newSession,
} from '@ambit/native/tls-session';
import { LAYERED_PAIR_BYTES } from './limits.ts';

/** A client's TLS session whose records pass through a pipe inside OpenSSL, as the ledger of its thread has it. */
export interface LayeredSession {
  readonly ssl: number;
  readonly pair: BioPair;
  /** In the ledger. */
  readonly slots: readonly number[];
}

type Noted = Pick<Ledger, 'addObject' | 'removeObject'>;

export interface LayeredSessionOptions {
  readonly context: TlsContext;
  /** SNI; empty: none. */
  readonly serverName: string;
  /** Offered by ALPN, the best first. */
  readonly protocols: readonly string[];
}

/** Throws `AMBIT_TLS_SESSION`, `AMBIT_LEDGER`; nothing is left behind then. */
export function openLayeredSession(ledger: Noted, options: LayeredSessionOptions): LayeredSession {
  const ssl = newSession(options.context);
  const slots: number[] = [];
  let pair: BioPair | undefined;
  try {
    introduce(ssl, options.serverName, options.protocols);
    pair = newBioPair(LAYERED_PAIR_BYTES);
    attachBoth(ssl, pair);
    slots.push(ledger.addObject(HANDLE_SESSION, ssl));
    for (const end of [pair.writeEnd, pair.readEnd]) slots.push(ledger.addObject(HANDLE_BIO, end));
    return { ssl, pair, slots };
  } catch (error) {
    close(ledger, ssl, pair, slots);
    throw error;
  }
}

export function closeLayeredSession(ledger: Noted, { ssl, pair, slots }: LayeredSession): void {
  close(ledger, ssl, pair, slots);
}

function close(ledger: Noted, ssl: number, pair: BioPair | undefined, slots: readonly number[]): void {
  for (const slot of slots) ledger.removeObject(slot);
  freeSession(ssl);
  if (pair !== undefined) freeBioPair(pair);
}
