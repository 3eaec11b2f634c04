import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { Clock, Timer } from '@ambit/core/clock';
import type { ControlPlane } from '@ambit/core/control-plane';
import { AmbitError, messageOf } from '@ambit/core/errors';
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
} from '@ambit/proto/discovery';
import { type Client, type ClientDuplexStream, type Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { streamParts } from './discovery-channel.ts';
import { discoveryService } from './discovery-service.ts';
import { HEARTBEAT_HEADER, parseHeartbeat } from './heartbeat.ts';
import { CONNECT_TIMEOUT_MS, FIRST_RESPONSE_TIMEOUT_MS, HEARTBEATS_MISSED } from './limits.ts';

export type DeltaRequest = MessageInitShape<typeof DeltaDiscoveryRequestSchema>;

export interface DeltaStreamOptions {
  readonly controlPlane: ControlPlane;
  readonly clock: Clock;
  /** Sent first, in this order. */
  readonly requests: () => readonly DeltaRequest[];
  /** One response at a time; what it resolves to is sent as the answer. A rejection ends the stream. */
  readonly onResponse: (response: DeltaDiscoveryResponse) => Promise<DeltaRequest>;
  readonly onConnected: () => void;
}

/** One delta ADS stream on a connection of its own, so that each attempt resolves names, roots and token anew. */
export class DeltaStream {
  readonly #options: DeltaStreamOptions;
  #call: ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse> | undefined;
  #watch: Timer | undefined;
  #heartbeatMs: number | undefined;
  #answering = false;
  #ending = false;
  #halfClosed = false;
  #cut: AmbitError | undefined;

  constructor(options: DeltaStreamOptions) {
    this.#options = options;
  }

  /**
   * Runs the stream to its end, once. Never rejects; resolves to what ended it, or to undefined when the server, or
   * `end`, closed it in order.
   */
  async run(): Promise<AmbitError | undefined> {
    let client: Client | undefined;
    try {
      const { open, metadata } = await streamParts(this.#options.controlPlane);
      if (this.#cut !== undefined || this.#ending) return this.#cut;
      client = open();
      const call = this.#open(client, metadata);
      for await (const response of call as AsyncIterable<DeltaDiscoveryResponse>) await this.#answer(call, response);
      return this.#cut;
    } catch (error) {
      return this.#cut ?? streamError(error, this.#options.controlPlane.address);
    } finally {
      this.#watch?.cancel();
      this.#call?.cancel();
      client?.close();
    }
  }

  /** Sends a further request; one that comes before the stream is open, or after its end, is the next stream's. */
  send(request: DeltaRequest): void {
    if (!this.#halfClosed) this.#call?.write(create(DeltaDiscoveryRequestSchema, request));
  }

  /** Closes in order, once the response under way is answered. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    if (!this.#answering) this.#halfClose();
  }

  /** Cuts the stream; `run` resolves with this error. */
  cut(error: AmbitError): void {
    this.#cut ??= error;
    this.#call?.cancel();
  }

  #open(client: Client, metadata: Metadata): ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse> {
    const { path, requestSerialize, responseDeserialize } = discoveryService.DeltaAggregatedResources;
    metadata.set(HEARTBEAT_HEADER, 'yes');
    this.#expect(CONNECT_TIMEOUT_MS, 'no connection');
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
    this.#call = call;
    // The loop over the responses sees the same error.
    call.on('error', () => undefined);
    call.on('metadata', (headers: Metadata) => {
      this.#heartbeatMs = parseHeartbeat(headers.get(HEARTBEAT_HEADER)[0]);
    });
    client.waitForReady(Infinity, (error) => {
      if (error !== undefined || this.#cut !== undefined) return;
      this.#expect(FIRST_RESPONSE_TIMEOUT_MS, 'no response to the subscription');
      this.#options.onConnected();
    });
    for (const request of this.#options.requests()) call.write(create(DeltaDiscoveryRequestSchema, request));
    return call;
  }

  async #answer(
    call: ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>,
    response: DeltaDiscoveryResponse,
  ): Promise<void> {
    // Nothing can be said to what comes after the farewell; it comes again with the next stream.
    if (this.#halfClosed) return;
    this.#watch?.cancel();
    this.#answering = true;
    const answer = await this.#options.onResponse(response);
    this.#answering = false;
    call.write(create(DeltaDiscoveryRequestSchema, answer));
    if (this.#ending) this.#halfClose();
    else if (this.#heartbeatMs !== undefined) {
      this.#expect(this.#heartbeatMs * HEARTBEATS_MISSED, 'no heartbeat');
    }
  }

  #halfClose(): void {
    if (this.#call === undefined) return;
    this.#halfClosed = true;
    this.#call.end();
    this.#expect(CONNECT_TIMEOUT_MS, 'no end of the stream');
  }

  #expect(withinMs: number, what: string): void {
    this.#watch?.cancel();
    this.#watch = this.#options.clock.setTimeout(() => {
      this.cut(
        new AmbitError(
          'AMBIT_XDS_STALLED',
          `${what} from the control plane at ${this.#options.controlPlane.address} within ${withinMs} ms; is it overloaded, or does something between drop packets?`,
          { source: 'peer', retryable: true },
        ),
      );
    }, withinMs);
  }
}

function streamError(error: unknown, address: string): AmbitError {
  if (error instanceof AmbitError) return error;
  const options = { source: 'peer', retryable: true, cause: error } as const;
  if (!isServiceError(error)) {
    return new AmbitError(
      'AMBIT_XDS_FAILED',
      `stream to the control plane at ${address}: ${messageOf(error)}`,
      options,
    );
  }
  const said = `${status[error.code]}: ${error.details}`;
  if (error.code === status.UNAUTHENTICATED || error.code === status.PERMISSION_DENIED) {
    return new AmbitError(
      'AMBIT_XDS_REFUSED',
      `the control plane at ${address} refused the stream (${said}); the token may be expired or of another audience`,
      options,
    );
  }
  return new AmbitError(
    'AMBIT_XDS_UNAVAILABLE',
    `stream to the control plane at ${address} ended (${said})${hintOf(error.details)}`,
    options,
  );
}

/** What to look at when there was no connection at all, by what gRPC says of it. */
function hintOf(details: string): string {
  if (/certificate|altname/i.test(details))
    return '; are the roots that this proxy is given those of the control plane?';
  if (/Name resolution failed|ENOTFOUND|EAI_AGAIN/i.test(details))
    return '; is the address right, and does DNS answer this pod?';
  if (/No connection|ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/i.test(details))
    return '; does it run, and may this pod reach it (NetworkPolicy)?';
  return '';
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error;
}
