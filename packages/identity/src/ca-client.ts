import { create } from '@bufbuild/protobuf';
import { type ControlPlane, readRoots } from '@ambit/core/control-plane';
import type { Drainable } from '@ambit/core/drain';
import { AmbitError } from '@ambit/core/errors';
import { formatSpiffeId, type SpiffeId } from '@ambit/core/spiffe';
import {
  type IstioCertificateRequest,
  IstioCertificateRequestSchema,
  type IstioCertificateResponse,
} from '@ambit/proto/ca';
import { type Client, type Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { openChannel, requestMetadata } from './ca-channel.ts';
import { caService } from './ca-service.ts';
import type { CertificateSource, IssuedChain } from './certificate.ts';
import { createCertificateRequest } from './csr.ts';
import { DEFAULT_CERTIFICATE_TTL_S } from './limits.ts';

export interface CaClientOptions extends ControlPlane {
  /** Lifetime asked for, in seconds. Default 24 h; the CA decides. */
  readonly ttlSeconds?: number;
}

/**
 * Asks an Istio CA for certificates of the node's workloads: a fresh key and CSR each time, on behalf of the workload
 * (`ImpersonatedIdentity`), authorised by the node proxy's own token. The connection is kept; another one is made when
 * the root file has changed. Importing this module loads gRPC and X.509 libraries, so load it when it is first needed.
 */
export class CaClient implements CertificateSource, Drainable {
  readonly #options: CaClientOptions;
  #connection: { readonly rootsPem: string | undefined; readonly client: Client } | undefined;
  #destroyed = false;

  constructor(options: CaClientOptions) {
    this.#options = options;
  }

  /**
   * Rejects with `AMBIT_CA_REFUSED` (the CA will not), `AMBIT_CA_UNAVAILABLE` (it cannot be reached or failed),
   * `AMBIT_TRUST_BUNDLE` or `AMBIT_TOKEN`; each may be tried again.
   */
  async fetch(identity: SpiffeId, signal: AbortSignal): Promise<IssuedChain> {
    const [{ privateKeyPem, csrPem }, rootsPem, metadata] = await Promise.all([
      createCertificateRequest(identity),
      readRoots(this.#options.roots),
      requestMetadata(this.#options),
    ]);
    const uri = formatSpiffeId(identity);
    const request = create(IstioCertificateRequestSchema, {
      csr: csrPem,
      validityDuration: BigInt(this.#options.ttlSeconds ?? DEFAULT_CERTIFICATE_TTL_S),
      metadata: { ImpersonatedIdentity: uri },
    });
    signal.throwIfAborted();
    const response = await this.#call(this.#client(rootsPem), request, metadata, signal, uri);
    return { privateKeyPem, chainPem: response.certChain };
  }

  close(): Promise<void> {
    this.destroy();
    return Promise.resolve();
  }

  destroy(): void {
    this.#destroyed = true;
    this.#connection?.client.close();
    this.#connection = undefined;
  }

  #client(rootsPem: string | undefined): Client {
    if (this.#destroyed) throw new AmbitError('AMBIT_CA_UNAVAILABLE', 'the CA client is closed');
    if (this.#connection !== undefined && this.#connection.rootsPem === rootsPem) return this.#connection.client;
    // Calls under way on the former connection finish there.
    this.#connection?.client.close();
    const client = openChannel(this.#options, rootsPem);
    this.#connection = { rootsPem, client };
    return client;
  }

  /** A broken connection would wait by gRPC's own schedule, up to minutes; the next request makes one of its own. */
  #dropConnection(client: Client): void {
    if (this.#connection?.client !== client) return;
    this.#connection = undefined;
    client.close();
  }

  #call(
    client: Client,
    request: IstioCertificateRequest,
    metadata: Metadata,
    signal: AbortSignal,
    uri: string,
  ): Promise<IstioCertificateResponse> {
    const { path, requestSerialize, responseDeserialize } = caService.CreateCertificate;
    return new Promise((resolve, reject) => {
      const call = client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        (error, response) => {
          signal.removeEventListener('abort', cancel);
          if (error?.code === status.UNAVAILABLE) this.#dropConnection(client);
          if (error !== null) reject(caError(error, uri, this.#options.address));
          else if (response === undefined)
            reject(new AmbitError('AMBIT_CA_UNAVAILABLE', `empty answer of the CA for ${uri}`));
          else resolve(response);
        },
      );
      const cancel = (): void => call.cancel();
      signal.addEventListener('abort', cancel);
    });
  }
}

const REFUSALS: readonly status[] = [status.UNAUTHENTICATED, status.PERMISSION_DENIED, status.INVALID_ARGUMENT];

function caError(error: ServiceError, uri: string, address: string): AmbitError {
  const said = `${status[error.code]}: ${error.details}`;
  const options = { source: 'peer', retryable: true, cause: error } as const;
  if (!REFUSALS.includes(error.code)) {
    return new AmbitError(
      'AMBIT_CA_UNAVAILABLE',
      `no certificate for ${uri} from the CA at ${address} (${said})`,
      options,
    );
  }
  return new AmbitError(
    'AMBIT_CA_REFUSED',
    `the CA at ${address} refused ${uri} (${said}); either the proxy's token is not accepted, its account is not among ` +
      'the CA’s trusted node accounts, or the CA does not yet know a pod of that service account on this node',
    options,
  );
}
