import type { Clock, Timer } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import { messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import type { SpiffeId } from '@ambit/core/spiffe';
import { ServerCredentials } from '@grpc/grpc-js';
import type { AuthorityInForce } from '../ca/authority-in-force.ts';
import { SERVER_CERTIFICATE_TTL_MS, SERVER_RENEWAL_GAP_MS } from '../limits.ts';

/** TLS 1.3 credentials of a gRPC server whose certificate can be exchanged while it serves. */
class ExchangeableCredentials extends ServerCredentials {
  constructor(certificate: { readonly chainPem: string; readonly privateKeyPem: string }) {
    super({ requestCert: false, minVersion: 'TLSv1.3' }, contextOf(certificate));
  }

  exchange(certificate: { readonly chainPem: string; readonly privateKeyPem: string }): void {
    this.updateSecureContextOptions(contextOf(certificate));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function contextOf({ chainPem, privateKeyPem }: { readonly chainPem: string; readonly privateKeyPem: string }): {
  cert: string;
  key: string;
} {
  return { cert: chainPem, key: privateKeyPem };
}

/** A certificate with its chain and key. */
export interface ServedCertificate {
  readonly chainPem: string;
  readonly privateKeyPem: string;
}

export interface ServerCertificateParts {
  readonly authority: Pick<AuthorityInForce, 'issueServer'>;
  /** DNS names and IP addresses. */
  readonly names: readonly string[];
  readonly identity: SpiffeId;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The controller's own certificate: issued by its authority at start and again at half of its life. */
export class ServerCertificate implements Drainable {
  readonly credentials: ServerCredentials;
  readonly #parts: ServerCertificateParts;
  readonly #users: ((certificate: ServedCertificate) => void)[] = [];
  #current: ServedCertificate;
  #timer: Timer | undefined;

  private constructor(
    parts: ServerCertificateParts,
    certificate: { chainPem: string; privateKeyPem: string; notAfter: number },
  ) {
    const credentials = new ExchangeableCredentials(certificate);
    this.credentials = credentials;
    this.#users.push((next) => credentials.exchange(next));
    this.#current = certificate;
    this.#parts = parts;
    this.#renewBefore(certificate.notAfter);
  }

  static async issue(parts: ServerCertificateParts): Promise<ServerCertificate> {
    return new ServerCertificate(parts, await issueOnce(parts));
  }

  /** Calls with the certificate as it is now, and with every later one. */
  follow(use: (certificate: ServedCertificate) => void): void {
    this.#users.push(use);
    use(this.#current);
  }

  close(): Promise<void> {
    this.destroy();
    return Promise.resolve();
  }

  destroy(): void {
    this.#timer?.cancel();
  }

  /** Another authority signs from now on. */
  renew(): void {
    this.#renewIn(0, 0);
  }

  #renewBefore(notAfter: number): void {
    this.#renewIn(Math.max((notAfter - this.#parts.clock.wallTime()) / 2, SERVER_RENEWAL_GAP_MS), notAfter);
  }

  #renewIn(delay: number, notAfter: number): void {
    this.#timer?.cancel();
    this.#timer = this.#parts.clock.setTimeout(
      () => {
        issueOnce(this.#parts).then(
          (next) => {
            this.#current = next;
            for (const use of this.#users) use(next);
            this.#renewBefore(next.notAfter);
          },
          (error: unknown) => {
            this.#parts.log.error(
              { reason: messageOf(error) },
              "the controller's own certificate is not renewed; trying again",
            );
            this.#renewBefore(notAfter);
          },
        );
      },
      delay,
      { background: true },
    );
  }
}

function issueOnce({
  authority,
  names,
  identity,
}: ServerCertificateParts): Promise<{ chainPem: string; privateKeyPem: string; notAfter: number }> {
  return authority.issueServer(names, identity, SERVER_CERTIFICATE_TTL_MS);
}
