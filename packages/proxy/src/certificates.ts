import type { Clock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { formatSpiffeId, type SpiffeId } from '@ambit/core/spiffe';
import type { CertificateSource, IdentityEvent } from '@ambit/identity/certificate';
import { CertificateStore } from '@ambit/identity/certificate-store';
import { lazySource } from '@ambit/identity/lazy-source';
import type { ControlPlaneSettings } from './control-plane-settings.ts';
import { pemSource } from './control-plane-settings.ts';
import { CERTIFICATE_HEAD_START } from './limits.ts';
import { RootsWatch } from './roots-watch.ts';
import type { ThreadCommand } from './thread/messages.ts';

export interface CertificatesOptions {
  readonly config: ControlPlaneSettings;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly broadcast: (command: ThreadCommand) => void;
  /** The certificates changed and should be deposited for a successor; `fresh` unless all that is new was a predecessor's. */
  readonly onChanged: (state: Uint8Array, fresh: boolean) => void;
}

/** The certificates of this proxy, on their way to the data threads. */
export class Certificates {
  readonly store: CertificateStore;
  readonly #options: CertificatesOptions;
  #saving = false;
  #fresh = false;

  constructor(options: CertificatesOptions) {
    this.#options = options;
    const { clock, random, config } = options;
    this.store = new CertificateStore({
      clock,
      random,
      source: authority(config),
      onEvent: (event) => this.#onEvent(event),
    });
  }

  /** Learns of new roots before the next renewal. To be called when a predecessor's certificates were taken over. */
  watchRoots(): void {
    const { config, clock, log } = this.#options;
    const source = pemSource(config.caRootCa);
    if (!('file' in source)) return;
    const onRoot = (pem: string): void => {
      this.store.expectRoot(pem);
    };
    new RootsWatch({ file: source.file, clock, log, onRoot }).start();
  }

  /** Takes over the certificates of a predecessor. */
  restore(state: Uint8Array): void {
    for (const { identity, reason } of this.store.importState(state).dropped) {
      this.#options.log.warn(
        { identity, reason },
        'a certificate of the predecessor cannot be used and is asked for again',
      );
    }
  }

  /** Asks for the certificate of an identity, and waits a little for it. Never rejects: fetching goes on. */
  async use(identity: SpiffeId): Promise<void> {
    try {
      await this.store.obtain(identity, { timeoutMs: CERTIFICATE_HEAD_START });
    } catch {
      // The store has logged why; connections wait for the certificate, and then fail with the reason.
    }
  }

  forget(identity: SpiffeId): void {
    this.store.forget(identity);
  }

  /** Forgets what a predecessor had and nobody here uses. */
  forgetUnused(used: (identity: SpiffeId) => boolean): void {
    for (const identity of this.store.identities()) if (!used(identity)) this.store.forget(identity);
  }

  /** What a data thread has to be told to present its identities. */
  *commands(): Generator<ThreadCommand> {
    for (const identity of this.store.identities()) {
      const certificate = this.store.get(identity);
      if (certificate !== undefined) yield { kind: 'certificate', certificate };
    }
  }

  #onEvent(event: IdentityEvent): void {
    const { log, broadcast } = this.#options;
    switch (event.kind) {
      case 'certificate': {
        const { certificate, restored } = event;
        broadcast({ kind: 'certificate', certificate });
        log.info(
          {
            identity: formatSpiffeId(certificate.identity),
            generation: certificate.generation,
            notAfter: new Date(certificate.notAfter).toISOString(),
            restored,
          },
          'certificate in force',
        );
        this.#save(!restored);
        return;
      }
      case 'failed':
        log.warn(
          {
            identity: formatSpiffeId(event.identity),
            error: event.failure.message,
            retryInMs: Math.round(event.retryInMs),
            validUntil: event.validUntil,
          },
          event.validUntil === undefined
            ? 'no certificate; connections as this identity wait and then fail'
            : 'the certificate could not be renewed; the old one stays in force',
        );
        return;
      case 'expired':
        log.error({ identity: formatSpiffeId(event.identity) }, 'the certificate has expired and could not be renewed');
        broadcast({ kind: 'forget-certificate', identity: formatSpiffeId(event.identity) });
        return;
      case 'forgotten':
        broadcast({ kind: 'forget-certificate', identity: formatSpiffeId(event.identity) });
        this.#save(true);
        return;
    }
  }

  /** Many certificates come together: they are deposited once. */
  #save(fresh: boolean): void {
    this.#fresh ||= fresh;
    if (this.#saving) return;
    this.#saving = true;
    queueMicrotask(() => {
      const any = this.#fresh;
      this.#saving = false;
      this.#fresh = false;
      this.#options.onChanged(this.store.exportState(), any);
    });
  }
}

/** The authority behind CA_ADDRESS. Its libraries are loaded when it is first asked: a successor serves before that. */
function authority(config: ControlPlaneSettings): CertificateSource {
  return lazySource(async () => {
    const { CaClient } = await import('@ambit/identity/ca-client');
    return new CaClient({
      address: config.caAddress,
      roots: pemSource(config.caRootCa),
      ...(config.caHostname.length > 0 ? { serverName: config.caHostname } : {}),
      tokenFile: config.authToken,
      clusterId: config.clusterId,
      ttlSeconds: Math.round(config.secretTtl / 1_000),
    });
  });
}
