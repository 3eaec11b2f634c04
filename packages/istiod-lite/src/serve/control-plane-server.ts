import type { SocketAddress } from '@ambit/core/address';
import { formatSocketAddress } from '@ambit/core/address';
import type { Clock } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { caService } from '@ambit/identity/ca-service';
import { type DeltaServer, deltaServerOptions } from '@ambit/xds/delta-server';
import { Server, type ServerCredentials } from '@grpc/grpc-js';
import type { CertificateIssuer } from '../ca/issue.ts';
import { MAX_SESSION_MEGABYTES, MAX_STREAMS_PER_CONNECTION } from '../limits.ts';

/** Delta ADS and the certificate authority on one TLS port. */
export class ControlPlaneServer implements Drainable {
  readonly #server: Server;
  readonly #clock: Clock;
  #address: SocketAddress | undefined;

  constructor(discovery: DeltaServer, issuer: CertificateIssuer, clock: Clock) {
    this.#clock = clock;
    this.#server = new Server({
      ...deltaServerOptions,
      'grpc.max_concurrent_streams': MAX_STREAMS_PER_CONNECTION,
      'grpc-node.max_session_memory': MAX_SESSION_MEGABYTES,
    });
    discovery.addTo(this.#server);
    this.#server.addService(caService, { CreateCertificate: issuer.handle });
  }

  /** The address it listens on. Throws `AMBIT_LISTEN`. */
  async listen(address: SocketAddress, credentials: ServerCredentials): Promise<SocketAddress> {
    const place = formatSocketAddress(address);
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(place, credentials, (error, bound) => {
        if (error === null) resolve(bound);
        else
          reject(
            new AmbitError('AMBIT_LISTEN', `ADS and CA on ${place}: ${messageOf(error)}`, {
              source: 'system',
              cause: error,
            }),
          );
      });
    });
    this.#address = { ip: address.ip, port };
    return this.#address;
  }

  /** Where it listens; undefined before. */
  get address(): SocketAddress | undefined {
    return this.#address;
  }

  /** Takes no new calls and lets those under way end. */
  async close({ deadline }: { deadline: number }): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimeout(() => {
        this.#server.forceShutdown();
        resolve();
      }, deadline);
      this.#server.tryShutdown(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  destroy(): void {
    this.#server.forceShutdown();
  }
}
