import type { AmbitError } from '@ambit/core/errors';
import type { Admission } from '@ambit/traffic/breaker/circuit-breaker';
import { httpStatusOfGrpc } from '@ambit/traffic/grpc';
import { type AttemptOutcome, unansweredStatus } from '@ambit/traffic/retry/attempt-outcome';
import type { ChosenEndpoint, UpstreamCluster } from './upstreams.ts';

/** How the endpoint of one try did, told once to all who ask that of it: outlier detection, quarantine and circuit breaker. */
export class TryVerdict {
  readonly #cluster: UpstreamCluster;
  #admission: Admission = 'pass';
  /** Of the try that is under way and was not judged. */
  #chosen: ChosenEndpoint | undefined;

  constructor(cluster: UpstreamCluster) {
    this.#cluster = cluster;
  }

  /** Whether the circuit breaker lets the next try through. */
  admitted(): boolean {
    const { breaker } = this.#cluster.state;
    if (breaker !== undefined) this.#admission = breaker.admit();
    return this.#admission !== 'refused';
  }

  begin(chosen: ChosenEndpoint): void {
    this.#chosen = chosen;
  }

  /** Nothing that comes belongs to a try any more. */
  over(): void {
    this.#chosen = undefined;
  }

  /** The endpoint answered; of gRPC counts the HTTP status that its own stands for. */
  answered(status: number, grpcStatus: number): void {
    const chosen = this.#chosen;
    if (chosen === undefined) return;
    this.#chosen = undefined;
    const judged = status === 200 && grpcStatus > 0 ? httpStatusOfGrpc(grpcStatus) : status;
    this.#cluster.answered(chosen, judged);
    this.#cluster.tried(this.#admission, judged >= 500);
  }

  /** It did not, as far as that was up to it. */
  unanswered(outcome: AttemptOutcome, error: AmbitError | undefined): void {
    const chosen = this.#chosen;
    const status = unansweredStatus(outcome);
    if (chosen === undefined || status === undefined) return;
    this.#chosen = undefined;
    this.#cluster.unanswered(chosen, status, outcome.kind === 'connect-failed', error);
    this.#cluster.tried(this.#admission, true);
  }
}
