import { AmbitError } from '@ambit/core/errors';
import type { DuplexEndpoint } from '@ambit/reactor/endpoint';
import type { CompiledDestinations } from '@ambit/traffic/compiled-service';
import { drawDestination } from '@ambit/traffic/destination';
import type { ResponseFlags } from '@ambit/traffic/response-flag';
import { OPAQUE_ATTEMPTS } from '../limits.ts';
import { connectionLimitMet } from './connection-limits.ts';
import type { DataThreadContext } from './context.ts';
import type { LiveService } from './served-services.ts';
import type { DiallingClient } from './transport-choice.ts';
import type { ChosenEndpoint, UpstreamCluster } from './upstreams.ts';

/** A byte connection to an endpoint; whoever takes it counts it off again with `over`. */
export interface OpaqueUpstream {
  readonly cluster: UpstreamCluster;
  readonly chosen: ChosenEndpoint;
  readonly endpoint: DuplexEndpoint;
}

export interface OpaqueFailure {
  readonly cluster: UpstreamCluster | undefined;
  readonly flags: ResponseFlags;
  readonly error: AmbitError;
}

/** Looks for an endpoint that takes a byte connection: one after another, each at most once, until one does. */
export class OpaqueDial {
  readonly #tried: string[] = [];
  readonly #cluster: UpstreamCluster | undefined;
  readonly #client: DiallingClient;
  #done: ((result: OpaqueFailure | OpaqueUpstream) => void) | undefined;

  /** `done` is called once, possibly from within, unless `cancel` came first. */
  constructor(
    thread: DataThreadContext,
    live: LiveService,
    destinations: CompiledDestinations,
    client: DiallingClient,
    done: (result: OpaqueFailure | OpaqueUpstream) => void,
  ) {
    this.#client = client;
    this.#done = done;
    const cluster = drawDestination(destinations, thread.choice.random)?.cluster;
    this.#cluster = cluster === undefined ? undefined : live.clusters.get(cluster);
    if (this.#cluster === undefined) {
      this.#fail('NC', new AmbitError('AMBIT_WAYPOINT_NO_DESTINATION', 'the route leads to no backend'));
    } else {
      this.#try(this.#cluster, undefined);
    }
  }

  /** Nobody wants the connection any more. Idempotent. */
  cancel(): void {
    this.#done = undefined;
  }

  #try(cluster: UpstreamCluster, before: AmbitError | undefined): void {
    const hash = cluster.compiled.hash?.ofConnection(this.#client.address.ip);
    const chosen = cluster.choose(this.#tried, this.#client, undefined, 0, hash);
    if (chosen === 'unknown' || chosen === undefined || this.#tried.includes(chosen.slot.uid)) {
      const { name } = cluster.compiled;
      const error =
        before ??
        (cluster.allOut
          ? new AmbitError('AMBIT_ENDPOINTS_EJECTED', `all endpoints of ${name} fail`, { retryable: true })
          : new AmbitError('AMBIT_WAYPOINT_NO_ENDPOINT', noEndpoint(name, cluster.whyNone()), { retryable: true }));
      this.#fail(before === undefined ? 'UH' : 'UF', error);
      return;
    }
    const admission = cluster.state.breaker?.admit() ?? 'pass';
    if (admission === 'refused') {
      this.#refuse(cluster, circuitOpen(cluster.compiled.name));
      return;
    }
    const { limits } = chosen.upstream;
    if (limits?.takeConnection() === false) {
      this.#refuse(cluster, connectionLimitMet(limits));
      return;
    }
    this.#tried.push(chosen.slot.uid);
    const { connectTimeoutMs, workloadUid } = cluster.compiled.model;
    chosen.upstream.dial(connectTimeoutMs, undefined, (dialled) => {
      // A client that dials all the ports of a workload, or comes with many a name, must not leave something of each behind.
      if (workloadUid !== '' || chosen.upstream.transport !== undefined) chosen.upstream.checkUse();
      if (dialled instanceof AmbitError) {
        limits?.connectionEnded();
        cluster.unanswered(chosen, 503, true, dialled);
        cluster.tried(admission, true);
        if (this.#done === undefined) return;
        if (this.#tried.length >= OPAQUE_ATTEMPTS) this.#fail('UF,URX', dialled);
        else this.#try(cluster, dialled);
      } else if (this.#done === undefined) {
        limits?.connectionEnded();
        dialled.destroy(undefined, true);
      } else {
        cluster.reached(chosen);
        cluster.answered(chosen, 200);
        cluster.tried(admission, false);
        this.#finish({ cluster, chosen, endpoint: dialled });
      }
    });
  }

  #refuse(cluster: UpstreamCluster, error: AmbitError): void {
    cluster.refused(error.code);
    this.#fail('UO', error);
  }

  #fail(flags: ResponseFlags, error: AmbitError): void {
    this.#finish({ cluster: this.#cluster, flags, error });
  }

  #finish(result: OpaqueFailure | OpaqueUpstream): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(result);
  }
}

function circuitOpen(cluster: string): AmbitError {
  return new AmbitError('AMBIT_CIRCUIT_OPEN', `too many connections to ${cluster} fail`, { retryable: true });
}

function noEndpoint(cluster: string, why: string | undefined): string {
  return `cluster ${cluster} has no usable endpoint${why === undefined ? '' : `; ${why}`}`;
}
