import type { Clock } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import type { ClientFacts, Visibility } from '@ambit/xds/client-facts';
import { addressOfPeer, type Authenticator } from '../ca/authenticator.ts';
import {
  checkCaller,
  isTrustedNodeAccount,
  type NodeAuthorizationSettings,
  type PodDirectory,
} from '../ca/node-authorization.ts';
import type { PodWait } from '../ca/pod-wait.ts';
import type { Caller } from '../ca/caller.ts';
import type { Counters } from './counters.ts';
import { RefusalLog } from './refusal-log.ts';
import { claimedWaypoint, nodeVisibility, waypointVisibility, type WaypointDirectory } from './waypoint-access.ts';

export interface DiscoveryAccessParts {
  readonly authenticator: Authenticator;
  readonly pods: PodDirectory & WaypointDirectory;
  readonly podWait: PodWait;
  readonly settings: NodeAuthorizationSettings;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Who may read the mesh's configuration: the node proxies and the waypoints, as known pods on their nodes. A caller learns
 * only that it was refused; the log says why.
 */
export class DiscoveryAccess {
  readonly #parts: DiscoveryAccessParts;
  readonly #refusals: RefusalLog;

  constructor(parts: DiscoveryAccessParts) {
    this.#parts = parts;
    this.#refusals = new RefusalLog('a discovery client is refused', parts);
  }

  readonly authenticate = async (facts: ClientFacts): Promise<Visibility> => {
    const address = addressOfPeer(facts.peerAddress);
    try {
      return await this.#check(facts, address);
    } catch (error) {
      const code = error instanceof AmbitError ? error.code : 'AMBIT_INTERNAL';
      this.#parts.counters.count('ambit_xds_refusal_count', { code });
      this.#refusals.note({ code, address, reason: messageOf(error) });
      if (code === 'AMBIT_TOKEN_UNCHECKED') {
        throw new AmbitError('AMBIT_XDS_REFUSED', 'callers cannot be told now', { source: 'system', retryable: true });
      }
      throw new AmbitError('AMBIT_XDS_REFUSED', 'not authenticated', { source: 'peer' });
    }
  };

  async #check(facts: ClientFacts, address: string): Promise<Visibility> {
    const { authenticator, podWait } = this.#parts;
    const caller = await authenticator.authenticate(facts.bearerToken, address);
    const answer = await podWait.settle(
      () => this.#judge(caller, facts),
      (outcome) => 'visibility' in outcome || !outcome.mayChange,
    );
    if ('visibility' in answer) return answer.visibility;
    authenticator.countRefusal(address);
    throw new AmbitError('AMBIT_CALLER_REFUSED', answer.reason, { source: 'peer' });
  }

  #judge(
    caller: Caller,
    facts: ClientFacts,
  ): { readonly visibility: Visibility } | { readonly reason: string; readonly mayChange: boolean } {
    const { pods, settings } = this.#parts;
    if (isTrustedNodeAccount(caller, settings)) return checkCaller(caller, pods) ?? { visibility: nodeVisibility() };
    const who = `${caller.namespace}/${caller.serviceAccount}`;
    const waypoint = claimedWaypoint(facts.node, caller, pods);
    if (waypoint === undefined) {
      const mayChange = pods.pod(`${caller.namespace}/${caller.podName}`) === undefined;
      return { reason: `${who} is no trusted node account, and its pod is no waypoint's`, mayChange };
    }
    if (pods.waypointAccount(waypoint) !== who) {
      return { reason: `${who} is not the account of a waypoint ${waypoint}`, mayChange: true };
    }
    return checkCaller(caller, pods) ?? { visibility: waypointVisibility(waypoint) };
  }
}
