import { formatSpiffeId } from '@ambit/core/spiffe';
import type { Certificate } from '@ambit/identity/certificate';
import type { ClientCredential } from '@ambit/hbone/tunnel';
import type { Ledger } from '@ambit/native/ledger';
import { createTlsContext, type TlsContext } from '@ambit/native/tls-context';

/** The TLS contexts of one identity, made of one certificate generation. */
export interface Credential {
  readonly generation: number;
  readonly client: TlsContext;
  readonly server: TlsContext;
}

/** The newest credential of each identity on this thread. Sessions hold what they need of an older one. */
export class Credentials {
  readonly #ledger: Ledger;
  readonly #byPrincipal = new Map<string, Credential>();
  readonly #waiting = new Map<string, Set<() => void>>();

  /** The contexts are noted in `ledger`, by which they are freed if the thread dies. */
  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  get(principal: string): Credential | undefined {
    return this.#byPrincipal.get(principal);
  }

  /** What tunnels of `principal` are opened with at this moment. */
  client(principal: string): ClientCredential | undefined {
    const credential = this.#byPrincipal.get(principal);
    return credential && { context: credential.client, generation: credential.generation };
  }

  /** Makes contexts of a new generation; older or equal generations are ignored. Throws `AMBIT_TLS_CONTEXT`, keeping the old ones. */
  install(certificate: Certificate): void {
    const principal = formatSpiffeId(certificate.identity);
    const before = this.#byPrincipal.get(principal);
    if (before !== undefined && before.generation >= certificate.generation) return;
    const { certificateChainPem, privateKeyPem, rootsPem } = certificate;
    const material = { certificateChainPem, privateKeyPem, rootsPem, ledger: this.#ledger };
    const client = createTlsContext({ side: 'client', ...material });
    let server: TlsContext;
    try {
      server = createTlsContext({ side: 'server', ...material });
    } catch (error) {
      client.free();
      throw error;
    }
    this.#byPrincipal.set(principal, { generation: certificate.generation, client, server });
    before?.client.free();
    before?.server.free();
    const waiting = this.#waiting.get(principal);
    this.#waiting.delete(principal);
    for (const resume of waiting ?? []) resume();
  }

  forget(principal: string): void {
    const credential = this.#byPrincipal.get(principal);
    this.#byPrincipal.delete(principal);
    credential?.client.free();
    credential?.server.free();
  }

  /** Calls `resume` once when a credential for `principal` arrives; the returned function takes that back. */
  whenInstalled(principal: string, resume: () => void): () => void {
    let waiting = this.#waiting.get(principal);
    if (waiting === undefined) {
      waiting = new Set();
      this.#waiting.set(principal, waiting);
    }
    waiting.add(resume);
    return () => {
      const others = this.#waiting.get(principal);
      others?.delete(resume);
      if (others?.size === 0) this.#waiting.delete(principal);
    };
  }
}
