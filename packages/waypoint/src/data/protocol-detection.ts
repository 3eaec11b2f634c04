import type { AmbitError } from '@ambit/core/errors';
import type { ByteEndpointHandler, DuplexEndpoint } from '@ambit/reactor/endpoint';
import type { ReactorTimer } from '@ambit/reactor/timer-wheel';
import type { CompiledPort } from '@ambit/traffic/compiled-service';
import { DETECTION_MS } from '../limits.ts';
import type { DataThreadContext } from './context.ts';
import { spokenProtocol } from './first-words.ts';
import { OpaqueConnection } from './opaque-connection.ts';
import { OpaqueDial, type OpaqueFailure, type OpaqueUpstream } from './opaque-dial.ts';
import { OpaqueRecord } from './opaque-record.ts';
import { PolicyDenied } from './policy-denied.ts';
import { type ServedClient, ServedConnection } from './served-connection.ts';
import type { LiveService } from './served-services.ts';
import type { DetectedProtocol } from './thread-metrics.ts';
import { WAITING } from './waiting-endpoint.ts';

/**
 * Finds out what a client speaks and hands its tunnel to whoever speaks that. On a port of undeclared protocol an endpoint is
 * connected when the client stays silent, because the server may be the one that speaks first: then nobody looks at bytes.
 */
export class ProtocolDetection implements ByteEndpointHandler {
  readonly #thread: DataThreadContext;
  readonly #client: ServedClient;
  readonly #live: LiveService;
  readonly #port: CompiledPort;
  #endpoint: DuplexEndpoint | undefined;
  #words: Buffer = NOTHING;
  #timer: ReactorTimer | undefined;
  #dial: OpaqueDial | undefined;
  #upstream: OpaqueUpstream | undefined;
  /** The client speaks no HTTP; an endpoint is being connected. */
  #opaque = false;
  #counted = false;

  constructor(thread: DataThreadContext, client: ServedClient, live: LiveService, port: CompiledPort) {
    this.#thread = thread;
    this.#client = client;
    this.#live = live;
    this.#port = port;
  }

  begin(endpoint: DuplexEndpoint): void {
    this.#endpoint = endpoint;
    const { reactor } = this.#thread;
    if (this.#port.protocol === 'auto') {
      this.#timer = reactor.after(DETECTION_MS, () => {
        this.#connect();
      });
    }
  }

  onOpen(): void {
    // Bytes follow.
  }

  onBytes(bytes: Buffer, _address: number, start: number, end: number): void {
    const endpoint = this.#endpoint;
    if (endpoint === undefined) return;
    // Few octets, once per connection at most a few times.
    const words =
      this.#words.length === 0 ? bytes.subarray(start, end) : Buffer.concat([this.#words, bytes.subarray(start, end)]);
    const spoken = spokenProtocol(words, 0, words.length, this.#port.protocol !== 'auto');
    switch (spoken) {
      case 'more':
        if (this.#words.length === 0 && this.#port.protocol !== 'auto') this.#awaitPreface(endpoint);
        this.#words = Buffer.from(words);
        return;
      case 'http1':
      case 'http2': {
        this.#count(spoken);
        this.#forgetUpstream();
        const version = spoken === 'http2' ? 'HTTP/2' : 'HTTP/1.1';
        new ServedConnection(this.#thread, this.#client, endpoint, version).receive(words, 0, words.length);
        return;
      }
      case 'tcp':
        this.#count('tcp');
        this.#opaque = true;
        this.#words = Buffer.from(words);
        endpoint.pauseReading();
        if (this.#upstream === undefined) this.#connect();
        else this.#relay(this.#upstream);
    }
  }

  onEnd(): void {
    const endpoint = this.#endpoint;
    if (this.#opaque || endpoint === undefined) return;
    // A client that ends before it said anything that tells.
    this.#count('none');
    this.#forgetUpstream();
    endpoint.end();
  }

  onRoom(): void {
    // Nothing is written before the protocol is known.
  }

  onClose(): void {
    this.#count('none');
    this.#forgetUpstream();
  }

  /** Nothing of HTTP was begun that could be answered when its rest does not come. */
  #awaitPreface(endpoint: DuplexEndpoint): void {
    this.#timer = this.#thread.reactor.after(this.#thread.config.headTimeout, () => {
      endpoint.destroy(undefined, true);
    });
  }

  #connect(): void {
    this.#timer?.cancel();
    const endpoint = this.#endpoint;
    if (this.#dial !== undefined || endpoint === undefined) return;
    const verdict = this.#client.authorization.ofConnection();
    if (verdict?.decision.allowed === false) {
      this.#unconnected({ cluster: undefined, flags: '-', error: new PolicyDenied(verdict) });
      return;
    }
    const made = { over: false };
    const { tcpDestinations } = this.#client.routes.of(this.#port);
    const dial = new OpaqueDial(this.#thread, this.#live, tcpDestinations, this.#client, (result) => {
      made.over = true;
      if ('error' in result) {
        this.#dial = undefined;
        this.#unconnected(result);
        return;
      }
      this.#upstream = result;
      if (this.#opaque) this.#relay(result);
      else result.endpoint.handTo(new ServerWords(this, result));
    });
    // A dial that ended within its making is none.
    if (!made.over) this.#dial = dial;
  }

  #unconnected(failure: OpaqueFailure): void {
    if (this.#opaque) {
      this.#refuse(failure);
      return;
    }
    // A silent client may still turn out to speak HTTP, which has answers for this; it does not wait for ever.
    this.#timer = this.#thread.reactor.after(this.#thread.config.headTimeout, () => {
      this.#refuse(failure);
    });
  }

  /** For the words of the server: it spoke first. */
  serverSpoke(upstream: OpaqueUpstream, bytes: Buffer, start: number, end: number): void {
    this.#count('server_first');
    this.#relay(upstream)?.relay.deliverFromB(bytes, start, end);
  }

  /** The server ended before anybody spoke: its client hears of it as without a waypoint between them. */
  serverLeft(error: AmbitError | undefined): void {
    this.#upstream = undefined;
    if (error === undefined && !this.#opaque) this.#endpoint?.end();
    else this.#endpoint?.destroy(error, true);
  }

  #refuse(failure: OpaqueFailure): void {
    const record = new OpaqueRecord(this.#thread, this.#client);
    if (failure.error instanceof PolicyDenied) record.judged(failure.error.decision);
    record.fail(failure);
    this.#endpoint?.destroy(failure.error, true);
  }

  #relay(upstream: OpaqueUpstream): OpaqueConnection | undefined {
    const endpoint = this.#endpoint;
    if (endpoint === undefined) return undefined;
    this.#timer?.cancel();
    // The endpoint may have waited long for somebody to speak.
    const { authorization } = this.#client;
    const verdict = authorization.ofConnection();
    if (verdict?.decision.allowed === false) {
      this.#upstream = upstream;
      this.#refuse({ cluster: undefined, flags: '-', error: new PolicyDenied(verdict) });
      return undefined;
    }
    this.#upstream = undefined;
    const record = new OpaqueRecord(this.#thread, this.#client);
    if (verdict !== undefined) record.judged(verdict.decision);
    const connection = new OpaqueConnection(this.#thread, record, authorization, endpoint, upstream);
    if (this.#words.length > 0) connection.relay.deliverFromA(this.#words, 0, this.#words.length);
    endpoint.resumeReading();
    return connection;
  }

  /** Once, and only where there is something to find out. */
  #count(protocol: DetectedProtocol): void {
    if (this.#counted || this.#port.protocol !== 'auto') return;
    this.#counted = true;
    this.#thread.metrics.detected(protocol);
  }

  #forgetUpstream(): void {
    this.#timer?.cancel();
    this.#dial?.cancel();
    const upstream = this.#upstream;
    this.#upstream = undefined;
    upstream?.endpoint.handTo(WAITING);
    upstream?.endpoint.destroy();
  }
}

/** Listens to an endpoint whose client has not spoken. */
class ServerWords implements ByteEndpointHandler {
  readonly #detection: ProtocolDetection;
  readonly #upstream: OpaqueUpstream;

  constructor(detection: ProtocolDetection, upstream: OpaqueUpstream) {
    this.#detection = detection;
    this.#upstream = upstream;
  }

  onOpen(): void {
    // It may speak now.
  }

  onBytes(bytes: Buffer, _address: number, start: number, end: number): void {
    this.#detection.serverSpoke(this.#upstream, bytes, start, end);
  }

  onEnd(): void {
    this.#upstream.endpoint.end();
  }

  onRoom(): void {
    // Nothing was written.
  }

  onClose(error: AmbitError | undefined): void {
    this.#detection.serverLeft(error);
  }
}

const NOTHING = Buffer.alloc(0);
