import { AmbitError, messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import type { ClientFacts } from '@ambit/xds/client-facts';
import { addressOfPeer, type Authenticator } from '../ca/authenticator.ts';
import {
  checkCaller,
  isTrustedNodeAccount,
  type NodeAuthorizationSettings,
  type PodDirectory,
} from '../ca/node-authorization.ts';
import type { PodWait } from '../ca/pod-wait.ts';
import type { Counters } from './counters.ts';

export interface DiscoveryAccessParts {
  readonly authenticator: Authenticator;
  readonly pods: PodDirectory;
  readonly podWait: PodWait;
  readonly settings: NodeAuthorizationSettings;
  readonly counters: Counters;
  readonly log: Logger;
}

/**
 * Who may read the mesh's configuration: the node proxies, as known pods on their nodes. A caller learns only that it
 * was refused; the log says why.
 */
export class DiscoveryAccess {
  readonly #parts: DiscoveryAccessParts;

  constructor(parts: DiscoveryAccessParts) {
    this.#parts = parts;
  }

  readonly authenticate = async ({ bearerToken, peerAddress }: ClientFacts): Promise<void> => {
    const address = addressOfPeer(peerAddress);
    try {
      await this.#check(bearerToken, address);
    } catch (error) {
      const code = error instanceof AmbitError ? error.code : 'AMBIT_INTERNAL';
      this.#parts.counters.count('ambit_xds_refusal_count', { code });
      this.#parts.log.warn({ code, address, reason: messageOf(error) }, 'a discovery client is refused');
      throw new AmbitError('AMBIT_XDS_REFUSED', 'not authenticated', { source: 'peer' });
    }
  };

  async #check(bearerToken: string | undefined, address: string): Promise<void> {
    const { authenticator, pods, podWait, settings } = this.#parts;
    const caller = authenticator.authenticate(bearerToken, address);
    const refusal = isTrustedNodeAccount(caller, settings)
      ? await podWait.settle(
          () => checkCaller(caller, pods),
          (answer) => answer?.mayChange !== true,
        )
      : { reason: `${caller.namespace}/${caller.serviceAccount} is no trusted node account` };
    if (refusal === undefined) return;
    authenticator.countRefusal(address);
    throw new AmbitError('AMBIT_CALLER_REFUSED', refusal.reason, { source: 'peer' });
  }
}
