import type { SocketAddress } from '@ambit/core/address';
import type { RequestFacts } from '../request/request-facts.ts';
import { isIdentityField } from '../request/identity-fields.ts';

/** The request that an authorizer is asked about. */
export interface CheckedRequest {
  readonly facts: RequestFacts;
  readonly id: string;
  /** `HTTP/1.1`, `HTTP/2`. */
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

/** Who sends it, and where to. */
export interface CheckedClient {
  /** `spiffe://…`, as the tunnel proves it. */
  readonly principal: string;
  readonly address: SocketAddress;
  /** By the client. */
  readonly dialled: SocketAddress;
  /** `spiffe://…`, of this waypoint. */
  readonly ownPrincipal: string;
}

/** Of its content, what the authorizer sees. */
export interface CheckedContent {
  readonly bytes: Buffer;
  /** There is more. */
  readonly partial: boolean;
}

/** Calls `take` with each field of the request that somebody else may see as it came; pseudo fields are not among them. */
export function eachField({ facts, id }: CheckedRequest, take: (name: string, value: string) => void): void {
  const { fields } = facts;
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] ?? '';
    if (name.startsWith(':') || name === 'x-request-id' || isIdentityField(name)) continue;
    take(name, fields[at + 1] ?? '');
  }
  take('x-request-id', id);
}

/** Tells authorizers whether the content that they see is all, as Envoy names it. */
export const PARTIAL_BODY = 'x-envoy-auth-partial-body';
