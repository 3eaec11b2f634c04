import type { Logger } from '@ambit/core/log';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { ClientCertificateSchema } from '@ambit/proto/waypoint';
import type { RejectedResource, ResourceUpdate } from '@ambit/xds/resource';
import { fromBinary } from '@bufbuild/protobuf';
import type { ClientCertificate } from '../messages.ts';

export interface ClientCertificatesOptions {
  readonly log: Logger;
  /** Hands certificates, and the names of those that are gone, to every data thread; resolves when they have them. */
  readonly distribute: (changed: readonly ClientCertificate[], removed: readonly string[]) => Promise<void>;
}

/** The certificates with which the waypoint shows itself to endpoints, on their way to the data threads. They are never shown. */
export class ClientCertificates {
  readonly #options: ClientCertificatesOptions;
  /** By the name of the resource. */
  readonly #known = new Map<string, ClientCertificate>();

  constructor(options: ClientCertificatesOptions) {
    this.#options = options;
  }

  /** All of them, for a data thread that starts. */
  all(): ClientCertificate[] {
    return [...this.#known.values()];
  }

  /** Resolves, when every data thread has them, with what was refused. */
  async apply(update: ResourceUpdate): Promise<RejectedResource[]> {
    const changed: ClientCertificate[] = [];
    const rejected: RejectedResource[] = [];
    for (const { name, version, bytes } of update.resources) {
      try {
        const certificate = readCertificate(name, version, bytes);
        this.#known.set(name, certificate);
        changed.push(certificate);
      } catch (thrown) {
        const reason = messageOf(thrown);
        rejected.push({ name, reason });
        this.#options.log.error({ name, reason }, 'a client certificate of the controller is refused');
      }
    }
    const removed = update.removed.flatMap((name) => {
      const gone = this.#known.get(name);
      this.#known.delete(name);
      return gone === undefined ? [] : [gone.name];
    });
    if (changed.length > 0 || removed.length > 0) await this.#options.distribute(changed, removed);
    return rejected;
  }
}

function readCertificate(resource: string, version: string, bytes: Uint8Array): ClientCertificate {
  const message = fromBinary(ClientCertificateSchema, bytes);
  const { waypointNamespace, waypointName, name, certificateChainPem, privateKeyPem } = message;
  if (
    resource !== `${waypointNamespace}/${waypointName}/${name}` ||
    certificateChainPem === '' ||
    privateKeyPem === ''
  ) {
    throw new AmbitError('AMBIT_WAYPOINT_RESOURCE', 'it is not the one that its name says, or a part of it is empty', {
      source: 'configuration',
    });
  }
  return { name, version, certificateChainPem, privateKeyPem };
}
