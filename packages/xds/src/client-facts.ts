import { type X509Certificate } from 'node:crypto';
import { type Node } from '@ambit/proto/discovery';

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
 * Decides whether a client is served. Rejects to refuse: the message of an AmbitError is sent to the client, anything
 * else only as "authentication failed".
 */
export type Authenticator = (facts: ClientFacts) => Promise<void>;
