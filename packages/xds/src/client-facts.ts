import type { X509Certificate } from 'node:crypto';
import type { Node } from '@ambit/proto/discovery';

/** What is known of a client when it asks to be let in. Nothing of it is verified but the peer certificate's possession. */
export interface ClientFacts {
  /** As the client calls itself. */
  readonly node: Node;
  /** Without `Bearer `. Undefined when none was sent. */
  readonly bearerToken: string | undefined;
  /** Undefined when the client showed none. Whether it chains to a trusted root is for the server's credentials to say. */
  readonly peerCertificate: X509Certificate | undefined;
  /** `ip:port`. */
  readonly peerAddress: string;
  /** The cluster the client says it belongs to (header `clusterid`). */
  readonly clusterId: string | undefined;
}

/**
 * What of a type a client may see, by resource name; types that are not in the map are seen as a whole. A name is judged
 * when the client subscribes and when its resource changes, so the answer for a name must stay the same for the client's life.
 */
export type Visibility = ReadonlyMap<string, (name: string) => boolean>;

/** A client that sees everything. */
export const SEES_EVERYTHING: Visibility = new Map();

/**
 * Decides whether a client is served, and what it may see. Rejects to refuse: the message of an AmbitError is sent to the client, anything
 * else only as "authentication failed". One that is `retryable` is no verdict on the client and is sent as UNAVAILABLE.
 */
export type Authenticator = (facts: ClientFacts) => Promise<Visibility>;
