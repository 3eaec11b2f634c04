import { create } from '@bufbuild/protobuf';
import type { Clock } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import { formatSpiffeId, parseSpiffeId, sameSpiffeId } from '@ambit/core/spiffe';
import {
  type IstioCertificateRequest,
  type IstioCertificateResponse,
  IstioCertificateResponseSchema,
} from '@ambit/proto/ca';
import { type handleUnaryCall, type Metadata, type ServerUnaryCall, status } from '@grpc/grpc-js';
import { CERTIFICATES_PER_NODE_BURST, CERTIFICATES_PER_NODE_PER_SECOND } from '../limits.ts';
import type { Counters } from '../serve/counters.ts';
import { RefusalLog } from '../serve/refusal-log.ts';
import { addressOfPeer, type Authenticator } from './authenticator.ts';
import type { IssuedCertificate } from './authority.ts';
import type { AuthorityInForce } from './authority-in-force.ts';
import { readCertificateRequest } from './certificate-request.ts';
import {
  authorizeIdentity,
  impersonatedIdentity,
  isTrustedNodeAccount,
  type NodeAuthorizationSettings,
  type PodDirectory,
} from './node-authorization.ts';
import type { PodWait } from './pod-wait.ts';
import { RateLimit } from './rate-limit.ts';
import type { Caller } from './caller.ts';

export interface IssuerParts {
  readonly authority: Pick<AuthorityInForce, 'issue'>;
  readonly authenticator: Authenticator;
  readonly pods: PodDirectory;
  readonly podWait: PodWait;
  readonly settings: NodeAuthorizationSettings;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly log: Logger;
}

type CreateCertificate = handleUnaryCall<IstioCertificateRequest, IstioCertificateResponse>;

/** What a caller is told of a refusal: nothing that helps to guess. */
const ANSWERS: ReadonlyMap<string, { readonly code: status; readonly details: string }> = new Map([
  ['AMBIT_CALLER_REFUSED', { code: status.PERMISSION_DENIED, details: 'not authorized' }],
  ['AMBIT_CSR_REFUSED', { code: status.INVALID_ARGUMENT, details: 'the certificate request is not acceptable' }],
  ['AMBIT_TOKEN_UNCHECKED', { code: status.UNAVAILABLE, details: 'callers cannot be told now' }],
  ['AMBIT_TOKEN_REFUSED', { code: status.UNAUTHENTICATED, details: 'not authenticated' }],
  ['AMBIT_TOO_MANY_CERTIFICATES', { code: status.RESOURCE_EXHAUSTED, details: 'too many requests' }],
  ['AMBIT_TOO_MANY_REFUSALS', { code: status.RESOURCE_EXHAUSTED, details: 'too many requests' }],
]);
const FAILED = { code: status.UNAVAILABLE, details: 'the certificate could not be issued' };

/**
 * `CreateCertificate`: authenticates the caller, checks the request, authorises the identity against the pods of the
 * caller's node, issues. A pod that is not known yet is waited for a little.
 */
export class CertificateIssuer {
  readonly #parts: IssuerParts;
  readonly #rate: RateLimit;
  readonly #refusals: RefusalLog;

  constructor(parts: IssuerParts) {
    this.#parts = parts;
    this.#refusals = new RefusalLog('no certificate is issued', parts);
    this.#rate = new RateLimit(
      { burst: CERTIFICATES_PER_NODE_BURST, perSecond: CERTIFICATES_PER_NODE_PER_SECOND },
      parts.clock,
    );
  }

  /** The gRPC handler. */
  readonly handle: CreateCertificate = (call, callback) => {
    const address = addressOfPeer(call.getPeer());
    this.#create(call, address).then(
      (response) => callback(null, response),
      (error: unknown) => {
        const code = error instanceof AmbitError ? error.code : 'AMBIT_INTERNAL';
        this.#parts.counters.count('citadel_server_refusal_count', { code });
        this.#refusals.note({ code, address, reason: messageOf(error) });
        callback(ANSWERS.get(code) ?? FAILED);
      },
    );
  };

  async #create(
    { request, metadata }: ServerUnaryCall<IstioCertificateRequest, IstioCertificateResponse>,
    address: string,
  ): Promise<IstioCertificateResponse> {
    this.#parts.counters.count('citadel_server_csr_count');
    const caller = await this.#parts.authenticator.authenticate(bearerToken(metadata), address);
    const asker = this.#askerOf(caller);
    if (!this.#rate.take(asker)) {
      throw new AmbitError('AMBIT_TOO_MANY_CERTIFICATES', `${asker} asks for too many certificates`, {
        source: 'peer',
      });
    }
    try {
      const issued = await this.#issue(request, caller);
      return create(IstioCertificateResponseSchema, { certChain: [...issued.chain] });
    } catch (error) {
      if (error instanceof AmbitError && error.code === 'AMBIT_CALLER_REFUSED')
        this.#parts.authenticator.countRefusal(address);
      throw error;
    }
  }

  /** Whose rate a call counts in: a pod that asks for itself must not use up what its node's proxy needs for all others. */
  #askerOf(caller: Caller): string {
    const { namespace, podName, podUid, nodeName } = caller;
    if (isTrustedNodeAccount(caller, this.#parts.settings)) return `node ${nodeName}`;
    return `pod ${namespace}/${podName} (${podUid})`;
  }

  async #issue(request: IstioCertificateRequest, caller: Caller): Promise<IssuedCertificate> {
    const impersonated = impersonatedIdentity(request.metadata, parseSpiffeId);
    const wanted = await readCertificateRequest(request.csr);
    const { pods, podWait, settings } = this.#parts;
    const allowed = await podWait.settle(
      () => authorizeIdentity(caller, impersonated, pods, settings),
      (answer) => answer.allowed || !answer.mayChange,
    );
    const asks = `${nameOf(caller)} asks for ${formatSpiffeId(wanted.identity)}`;
    if (!allowed.allowed)
      throw new AmbitError('AMBIT_CALLER_REFUSED', `${asks}: ${allowed.reason}`, {
        source: 'peer',
        retryable: allowed.mayChange,
      });
    if (!sameSpiffeId(wanted.identity, allowed.identity)) {
      const names = `the certificate request names that, but ${formatSpiffeId(allowed.identity)} is allowed`;
      throw new AmbitError('AMBIT_CALLER_REFUSED', `${asks}: ${names}`, { source: 'peer' });
    }
    const issued = await this.#parts.authority.issue(wanted, ttlOf(request.validityDuration));
    this.#parts.counters.count('citadel_server_success_cert_issuance_count');
    const { serialNumber, notAfter } = issued;
    this.#parts.log.info(
      {
        identity: formatSpiffeId(wanted.identity),
        node: caller.nodeName,
        serialNumber,
        notAfter: new Date(notAfter).toISOString(),
      },
      'certificate issued',
    );
    return issued;
  }
}

function nameOf({ namespace, serviceAccount, podName, nodeName }: Caller): string {
  return `${namespace}/${serviceAccount} (pod ${podName} on node ${nodeName})`;
}

/** The token of the one `authorization` header, if there is exactly one and it is a bearer's. */
function bearerToken(metadata: Metadata): string | undefined {
  const [header, ...more] = metadata.get('authorization');
  if (typeof header !== 'string' || more.length > 0 || !/^bearer /i.test(header)) return undefined;
  return header.slice('bearer '.length).trim();
}

/** A thousand years; the authority sets the real bound. */
const MAX_SECONDS = 31_536_000_000n;

/** Milliseconds of a validity in seconds; undefined when none or nonsense is asked for. */
function ttlOf(seconds: bigint): number | undefined {
  if (seconds <= 0n) return undefined;
  return Number(seconds > MAX_SECONDS ? MAX_SECONDS : seconds) * 1_000;
}
