import { BucketSearch } from './bucket-search.ts';
import { OUTCOMES_PER_SERIES } from './limits.ts';
import type { MetricTags } from './metric-shape.ts';
import { REQUEST_BUCKETS } from './request-families.ts';
import type { RequestProtocol } from './request-labels.ts';
import { type FlagSet, NO_FLAGS } from './response-flag-set.ts';
import type { ServiceLabels } from './traffic-labels.ts';
import type { Party } from './traffic-metrics.ts';

/** The request ended without a gRPC status, or is none of gRPC. */
export const NO_GRPC_STATUS = -1;

/** gRPC's UNKNOWN, also for numbers that it does not define (statuscodes.md). */
const GRPC_UNKNOWN = 2;
const GRPC_HIGHEST = 16;

const SEARCH = new BucketSearch(REQUEST_BUCKETS);

/** Numbers of one histogram: its buckets, the one above them, and the sum. */
export const HISTOGRAM_WIDTH: number = REQUEST_BUCKETS.length + 2;

/** Numbers of one outcome: three histograms, and how many requests. */
export const OUTCOME_WIDTH: number = 3 * HISTOGRAM_WIDTH + 1;

const SUM = HISTOGRAM_WIDTH - 1;
const REQUEST = HISTOGRAM_WIDTH;
const RESPONSE = 2 * HISTOGRAM_WIDTH;
const COUNT = 3 * HISTOGRAM_WIDTH;

/** Requests of one series that ended alike. */
export class Outcome {
  readonly status: number;
  readonly grpcStatus: number;
  readonly flags: FlagSet;
  /** Histograms of duration, request and response, then the count. */
  readonly values: Float64Array = new Float64Array(OUTCOME_WIDTH);

  constructor(status: number, grpcStatus: number, flags: FlagSet) {
    this.status = status;
    this.grpcStatus = grpcStatus;
    this.flags = flags;
  }

  add(milliseconds: number, requestBytes: number, responseBytes: number): void {
    const { values } = this;
    observe(values, 0, milliseconds);
    observe(values, REQUEST, requestBytes);
    observe(values, RESPONSE, responseBytes);
    values[COUNT] = (values[COUNT] ?? 0) + 1;
  }
}

function observe(values: Float64Array, at: number, value: number): void {
  const bucket = at + SEARCH.find(value);
  values[bucket] = (values[bucket] ?? 0) + 1;
  values[at + SUM] = (values[at + SUM] ?? 0) + value;
}

/** Whoever bounds how much is counted. */
export interface SeriesOwner {
  /** A series is about to count another kind of outcome; says whether it may. */
  admit(series: RequestSeries): boolean;
  /** The series that counts what was not admitted. */
  folded(protocol: RequestProtocol): RequestSeries;
}

/**
 * What is counted of the requests from one source to one destination. Taken once for the two and held: recording looks up
 * small integers only.
 */
export class RequestSeries {
  /** gRPC messages towards the destination: add as they pass. */
  requestMessages = 0;
  /** gRPC messages towards the source. */
  responseMessages = 0;
  readonly source: Party;
  readonly destination: Party;
  readonly service: ServiceLabels;
  readonly protocol: RequestProtocol;
  /** Undefined: it is told by its own labels alone. */
  readonly tags: MetricTags | undefined;
  readonly outcomes: Outcome[] = [];
  readonly #owner: SeriesOwner;
  #last: Outcome | undefined;

  constructor(
    owner: SeriesOwner,
    source: Party,
    destination: Party,
    service: ServiceLabels,
    protocol: RequestProtocol,
    tags?: MetricTags,
  ) {
    this.#owner = owner;
    this.source = source;
    this.destination = destination;
    this.service = service;
    this.protocol = protocol;
    this.tags = tags;
  }

  /**
   * Counts a request that is over. `status` is what the client got (0 when nothing), `grpcStatus` `NO_GRPC_STATUS` without one,
   * bytes with heads, as they were on the wire at the source's side.
   */
  record(
    status: number,
    grpcStatus: number,
    flags: FlagSet,
    milliseconds: number,
    requestBytes: number,
    responseBytes: number,
  ): void {
    let outcome = this.#last;
    if (
      outcome === undefined ||
      outcome.status !== status ||
      outcome.grpcStatus !== grpcStatus ||
      outcome.flags !== flags
    ) {
      outcome = this.#outcome(status, definedGrpcStatus(grpcStatus), flags);
      this.#last = outcome;
    }
    outcome.add(milliseconds, requestBytes, responseBytes);
  }

  /** Forgets what was counted; who holds the series may go on with it. */
  clear(): void {
    this.outcomes.length = 0;
    this.#last = undefined;
    this.requestMessages = 0;
    this.responseMessages = 0;
  }

  #outcome(status: number, grpcStatus: number, flags: FlagSet): Outcome {
    const known = this.#find(status, grpcStatus, flags);
    if (known !== undefined) return known;
    if (this.outcomes.length >= OUTCOMES_PER_SERIES && !isRough(status, grpcStatus, flags))
      return this.#outcome(status - (status % 100), Math.min(grpcStatus, GRPC_UNKNOWN), NO_FLAGS);
    if (!this.#owner.admit(this)) return this.#owner.folded(this.protocol).#outcome(status, grpcStatus, flags);
    const outcome = new Outcome(status, grpcStatus, flags);
    this.outcomes.push(outcome);
    return outcome;
  }

  #find(status: number, grpcStatus: number, flags: FlagSet): Outcome | undefined {
    for (const outcome of this.outcomes) {
      if (outcome.status === status && outcome.grpcStatus === grpcStatus && outcome.flags === flags) return outcome;
    }
    return undefined;
  }
}

function definedGrpcStatus(status: number): number {
  return status <= GRPC_HIGHEST ? status : GRPC_UNKNOWN;
}

/** Among the few outcomes that take up the others once there are too many. */
function isRough(status: number, grpcStatus: number, flags: FlagSet): boolean {
  return status % 100 === 0 && grpcStatus <= GRPC_UNKNOWN && flags === NO_FLAGS;
}
