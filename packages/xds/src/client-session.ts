import { X509Certificate } from 'node:crypto';
import type { Clock, Timer } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import type { DeltaDiscoveryRequest } from '@ambit/proto/discovery';
import { Metadata, type ServerDuplexStream, status } from '@grpc/grpc-js';
import { type Authenticator, type ClientFacts, SEES_EVERYTHING, type Visibility } from './client-facts.ts';
import { encodeResponse } from './encode-response.ts';
import { HEARTBEAT_HEADER } from './heartbeat.ts';
import {
  ACKNOWLEDGEMENT_TIMEOUT_MS,
  AUTHENTICATION_TIMEOUT_MS,
  HEARTBEAT_MS,
  RESPONSE_TARGET_BYTES,
  SUBSCRIPTION_GATHER_MS,
} from './limits.ts';
import type { ChangedNames, ResourceCache } from './resource-cache.ts';
import type { Claim, SendBudget } from './send-budget.ts';
import { Subscription } from './subscription.ts';

export type DiscoveryCall = ServerDuplexStream<DeltaDiscoveryRequest, Uint8Array>;

export interface ClientSessionOptions {
  readonly call: DiscoveryCall;
  readonly cache: ResourceCache;
  readonly clock: Clock;
  readonly budget: SendBudget;
  readonly authenticate: Authenticator;
  /** Changes of the cache that are being gathered and were announced to no session yet. */
  readonly gathering: () => ChangedNames;
  readonly onAdmitted: (session: ClientSession) => void;
  /** A response was taken; `milliseconds` since the oldest change in it became known. */
  readonly onConverged: (typeUrl: string, milliseconds: number) => void;
  readonly onRejected: (session: ClientSession, typeUrl: string, message: string) => void;
  /** Called once. `error` says why the server ended the stream; undefined: the client did, or `finish`. */
  readonly onEnd: (session: ClientSession, error: AmbitError | undefined) => void;
}

type Phase = 'new' | 'authenticating' | 'admitted' | 'ended';

/** What is sent next: the subscription, and which part of what it has waiting. */
interface Turn {
  readonly subscription: Subscription;
  readonly upserts: boolean;
  readonly removals: boolean;
}

/** One client's stream. One response per type is under way at a time; what changes meanwhile waits by name. */
export class ClientSession {
  readonly #options: ClientSessionOptions;
  readonly #subscriptions = new Map<string, Subscription>();
  #phase: Phase = 'new';
  #nodeId = '';
  #visibility: Visibility = SEES_EVERYTHING;
  #deadline: Timer | undefined;
  #gatherUntil = Infinity;
  #gatherTimer: Timer | undefined;
  #claim: Claim | undefined;
  #nonce = 0;
  #lastSent = 0;
  #heartbeats = false;

  constructor(options: ClientSessionOptions) {
    this.#options = options;
    const { call } = options;
    call.on('error', () => this.#close(undefined));
    call.on('cancelled', () => this.#close(undefined));
    call.on('close', () => this.#close(undefined));
    call.on('end', () => this.finish());
    call.on('data', (request: DeltaDiscoveryRequest) => this.#receive(request));
    this.#deadline = options.clock.setTimeout(() => {
      this.end(status.DEADLINE_EXCEEDED, `not authenticated within ${AUTHENTICATION_TIMEOUT_MS} ms`);
    }, AUTHENTICATION_TIMEOUT_MS);
  }

  /** As the client calls itself; empty before its first request. */
  get nodeId(): string {
    return this.#nodeId;
  }

  /** Notes changes and sends what may be sent. */
  push(changed: ChangedNames): void {
    this.#note(changed);
    this.#pump();
  }

  /** To be called about every heartbeat: sends one where it is due, and ends a stream whose client does not answer. */
  sweep(): void {
    if (this.#phase !== 'admitted') return;
    const now = this.#options.clock.now();
    for (const { inFlight, typeUrl } of this.#subscriptions.values()) {
      if (inFlight === undefined || now - inFlight.sentAt < ACKNOWLEDGEMENT_TIMEOUT_MS) continue;
      this.end(status.DEADLINE_EXCEEDED, `${typeUrl} not acknowledged within ${ACKNOWLEDGEMENT_TIMEOUT_MS} ms`);
      return;
    }
    if (!this.#heartbeats || now - this.#lastSent < HEARTBEAT_MS / 2 || this.#claim !== undefined) return;
    const idle = this.#subscriptions.values().find((subscription) => subscription.inFlight === undefined);
    if (idle !== undefined) this.#write(idle, { subscription: idle, upserts: false, removals: false }, () => undefined);
  }

  /** Ends the stream in order; the client will reconnect. */
  finish(): void {
    if (this.#phase === 'ended') return;
    this.#close(undefined);
    this.#options.call.end();
  }

  /** Ends the stream with an error that the client sees. */
  end(code: status, details: string): void {
    if (this.#phase === 'ended') return;
    this.#close(
      new AmbitError('AMBIT_XDS_CLIENT', `${this.#nodeId || this.#options.call.getPeer()}: ${details}`, {
        source: 'peer',
      }),
    );
    this.#options.call.emit('error', { code, details });
  }

  #close(error: AmbitError | undefined): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    this.#deadline?.cancel();
    this.#gatherTimer?.cancel();
    this.#claim?.release();
    this.#subscriptions.clear();
    this.#options.onEnd(this, error);
  }

  #receive(request: DeltaDiscoveryRequest): void {
    switch (this.#phase) {
      case 'new':
        this.#phase = 'authenticating';
        this.#options.call.pause();
        void this.#admit(request);
        return;
      case 'admitted':
        this.#serve(request);
        return;
      case 'authenticating':
      case 'ended':
        return;
    }
  }

  async #admit(request: DeltaDiscoveryRequest): Promise<void> {
    const { call } = this.#options;
    if (request.node === undefined) {
      this.end(status.INVALID_ARGUMENT, 'the first request names no node');
      return;
    }
    this.#nodeId = request.node.id;
    try {
      this.#visibility = await this.#options.authenticate(clientFacts(call, request.node));
    } catch (error) {
      const known = error instanceof AmbitError ? error : undefined;
      const code = known?.retryable === true ? status.UNAVAILABLE : status.UNAUTHENTICATED;
      this.end(code, known?.message ?? 'authentication failed');
      return;
    }
    if (this.#phase !== 'authenticating') return;
    this.#phase = 'admitted';
    this.#deadline?.cancel();
    this.#lastSent = this.#options.clock.now();
    this.#heartbeats = call.metadata.get(HEARTBEAT_HEADER).length > 0;
    const headers = new Metadata();
    if (this.#heartbeats) headers.set(HEARTBEAT_HEADER, String(HEARTBEAT_MS));
    call.sendMetadata(headers);
    this.#options.onAdmitted(this);
    this.#serve(request);
    call.resume();
  }

  #serve(request: DeltaDiscoveryRequest): void {
    const { cache } = this.#options;
    if (!cache.typeUrls.includes(request.typeUrl)) {
      const served = cache.typeUrls.join(', ');
      this.end(status.INVALID_ARGUMENT, `type ${JSON.stringify(request.typeUrl)} is not served; served are ${served}`);
      return;
    }
    const subscription = this.#subscriptions.get(request.typeUrl);
    try {
      if (subscription === undefined) this.#subscribe(request);
      else {
        this.#noteAnswer(subscription, request);
        subscription.change(request);
      }
    } catch (error) {
      if (!(error instanceof AmbitError)) throw error;
      this.end(status.RESOURCE_EXHAUSTED, error.message);
      return;
    }
    this.#pump();
  }

  /** A client names its types one request after the other; types that must go first get a moment to be named. */
  #subscribe(request: DeltaDiscoveryRequest): void {
    const { cache, clock } = this.#options;
    if (this.#subscriptions.size === 0) {
      this.#gatherUntil = clock.now() + SUBSCRIPTION_GATHER_MS;
      this.#gatherTimer = clock.setTimeout(() => {
        this.#gatherUntil = -Infinity;
        this.#pump();
      }, SUBSCRIPTION_GATHER_MS);
    }
    this.#subscriptions.set(request.typeUrl, new Subscription(request, cache, this.#visibility.get(request.typeUrl)));
  }

  #noteAnswer(subscription: Subscription, request: DeltaDiscoveryRequest): void {
    const { inFlight } = subscription;
    if (inFlight === undefined || request.responseNonce !== inFlight.nonce) return;
    subscription.inFlight = undefined;
    if (request.errorDetail !== undefined) {
      this.#options.onRejected(this, request.typeUrl, request.errorDetail.message);
    } else if (inFlight.changedAt !== undefined) {
      this.#options.onConverged(request.typeUrl, this.#options.clock.now() - inFlight.changedAt);
    }
  }

  #note(changed: ChangedNames): void {
    for (const [typeUrl, names] of changed) this.#subscriptions.get(typeUrl)?.note(names);
  }

  /** Claims room for the next response, if one may be sent; at most one is being made or written at a time. */
  #pump(): void {
    if (this.#phase !== 'admitted' || this.#claim !== undefined) return;
    const turn = this.#nextTurn();
    if (turn === undefined) return;
    const claim = this.#options.budget.claim(Math.min(turn.subscription.unsentBytes, RESPONSE_TARGET_BYTES));
    this.#claim = claim;
    const done = (): void => {
      claim.release();
      this.#claim = undefined;
      this.#pump();
    };
    void claim.granted.then(() => {
      if (this.#phase !== 'admitted') return;
      // A response that goes out anyway takes along what is being gathered; every type must know of it then.
      this.#note(this.#options.gathering());
      const now = this.#nextTurn();
      if (now === undefined) done();
      else this.#write(now.subscription, now, done);
    });
  }

  /**
   * A resource may name those of earlier types. So what is new goes out in the order of the types, and what is removed in
   * the opposite order: a later type waits while an earlier one has something new that cannot be sent yet.
   */
  #nextTurn(): Turn | undefined {
    const { typeUrls } = this.#options.cache;
    const gathering = this.#options.clock.now() < this.#gatherUntil;
    const subscribed: Subscription[] = [];
    for (const typeUrl of typeUrls) {
      const subscription = this.#subscriptions.get(typeUrl);
      if (subscription === undefined && gathering) break;
      if (subscription !== undefined) subscribed.push(subscription);
    }
    for (const [index, subscription] of subscribed.entries()) {
      if (!subscription.unsent) continue;
      if (subscription.inFlight !== undefined) return undefined;
      const later = subscribed.slice(index + 1);
      return { subscription, upserts: true, removals: !later.some((other) => other.unsent || other.removalsUnsent) };
    }
    const last = subscribed.findLast((subscription) => subscription.removalsUnsent);
    return last === undefined || last.inFlight !== undefined
      ? undefined
      : { subscription: last, upserts: false, removals: true };
  }

  #write(subscription: Subscription, turn: Turn, done: () => void): void {
    const delivery = subscription.take({ ...turn, maxBytes: RESPONSE_TARGET_BYTES });
    this.#nonce += 1;
    const nonce = String(this.#nonce);
    this.#lastSent = this.#options.clock.now();
    subscription.inFlight = { nonce, sentAt: this.#lastSent, changedAt: delivery.changedAt };
    this.#options.call.write(encodeResponse(subscription.typeUrl, nonce, delivery), done);
  }
}

function clientFacts(call: DiscoveryCall, node: ClientFacts['node']): ClientFacts {
  const [authorization] = call.metadata.get('authorization');
  const [clusterId] = call.metadata.get('clusterid');
  const certificate = call.getAuthContext().sslPeerCertificate?.raw;
  return {
    node,
    bearerToken: typeof authorization === 'string' ? /^Bearer (.+)$/i.exec(authorization)?.[1] : undefined,
    peerCertificate: certificate === undefined ? undefined : new X509Certificate(certificate),
    peerAddress: call.getPeer(),
    clusterId: typeof clusterId === 'string' ? clusterId : undefined,
  };
}
