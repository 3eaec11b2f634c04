import type { IpAddress } from '@ambit/core/address';
import type { SpiffeId } from '@ambit/core/spiffe';
import { AddressBits } from '../address-bits.ts';

/** What policies judge a connection by. */
export interface ConnectionFacts {
  /** The peer's identity as its certificate proved it; undefined for plaintext. */
  readonly identity: SpiffeId | undefined;
  /** The address of the peer of the TCP connection. */
  readonly sourceIp: IpAddress;
  readonly destinationIp: IpAddress;
  /** The port on which the application will be reached. */
  readonly destinationPort: number;
}

/** The facts of the connection being judged, with what several policies need of them computed at most once. */
export class Subject {
  identity: SpiffeId | undefined;
  destinationPort = 0;
  #sourceIp = '';
  #destinationIp = '';
  #principal: string | undefined;
  #sourceRead = false;
  #destinationRead = false;
  readonly #source = new AddressBits();
  readonly #destination = new AddressBits();

  /** Turns to another connection. */
  become(facts: ConnectionFacts): this {
    this.identity = facts.identity;
    this.destinationPort = facts.destinationPort;
    this.#sourceIp = facts.sourceIp;
    this.#destinationIp = facts.destinationIp;
    this.#principal = undefined;
    this.#sourceRead = false;
    this.#destinationRead = false;
    return this;
  }

  /** `<trust domain>/ns/<namespace>/sa/<service account>`; empty without an identity. */
  principal(): string {
    if (this.#principal === undefined) {
      const { identity } = this;
      this.#principal =
        identity === undefined ? '' : `${identity.trustDomain}/ns/${identity.namespace}/sa/${identity.serviceAccount}`;
    }
    return this.#principal;
  }

  source(): AddressBits {
    if (!this.#sourceRead) {
      this.#source.read(this.#sourceIp);
      this.#sourceRead = true;
    }
    return this.#source;
  }

  destination(): AddressBits {
    if (!this.#destinationRead) {
      this.#destination.read(this.#destinationIp);
      this.#destinationRead = true;
    }
    return this.#destination;
  }
}
