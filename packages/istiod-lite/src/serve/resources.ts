import { toBinary } from '@bufbuild/protobuf';
import { ipFromBytes } from '@ambit/core/address';
import { AUTHORIZATION_TYPE_URL, AuthorizationSchema } from '@ambit/proto/authorization';
import {
  CLIENT_CERTIFICATE_TYPE_URL,
  ClientCertificateSchema,
  SERVED_SERVICE_TYPE_URL,
  ServedServiceSchema,
} from '@ambit/proto/waypoint';
import { type Address, ADDRESS_TYPE_URL, AddressSchema, NetworkMode } from '@ambit/proto/workload';
import type { Translation } from '@ambit/translation/translate';
import type { ResourceInput } from '@ambit/xds/resource-cache';

/**
 * The types served, in the order in which clients must get them: a workload names policies, a served service certificates, and a Service that leads to a
 * waypoint is to be known there first.
 */
export const SERVED_TYPES: readonly string[] = [
  AUTHORIZATION_TYPE_URL,
  CLIENT_CERTIFICATE_TYPE_URL,
  SERVED_SERVICE_TYPE_URL,
  ADDRESS_TYPE_URL,
];

type Encoded = ReadonlyMap<string, readonly ResourceInput[]>;

/** Encodes translations. What a translation has in common with the last one, as whole maps, is not encoded again. */
export class ResourceEncoder {
  readonly #known = new WeakMap<ReadonlyMap<string, unknown>, readonly ResourceInput[]>();

  /** A translation as resources of the served types; the same list for the same map. */
  encode({ authorizations, clientCertificates, servedServices, addresses }: Translation): Encoded {
    return new Map([
      [
        AUTHORIZATION_TYPE_URL,
        this.#listOf(authorizations, (name, value) => ({ name, bytes: toBinary(AuthorizationSchema, value) })),
      ],
      [
        CLIENT_CERTIFICATE_TYPE_URL,
        this.#listOf(clientCertificates, (name, value) => ({ name, bytes: toBinary(ClientCertificateSchema, value) })),
      ],
      [
        SERVED_SERVICE_TYPE_URL,
        this.#listOf(servedServices, (name, value) => ({ name, bytes: toBinary(ServedServiceSchema, value) })),
      ],
      [
        ADDRESS_TYPE_URL,
        this.#listOf(addresses, (name, value) => {
          return { name, aliases: aliasesOf(value), bytes: toBinary(AddressSchema, value) };
        }),
      ],
    ]);
  }

  #listOf<Value>(
    values: ReadonlyMap<string, Value>,
    encode: (name: string, value: Value) => ResourceInput,
  ): readonly ResourceInput[] {
    const known = this.#known.get(values);
    if (known !== undefined) return known;
    const list = Array.from(values, ([name, value]) => encode(name, value));
    this.#known.set(values, list);
    return list;
  }
}

/** `network/ip` of what can be found by its address. */
function aliasesOf({ type }: Address): string[] {
  switch (type.case) {
    case 'service':
      return type.value.addresses.map(({ network, address }) => `${network}/${ipFromBytes(address) ?? ''}`);
    case 'workload': {
      const { addresses, network, networkMode } = type.value;
      if (networkMode === NetworkMode.HOST_NETWORK) return [];
      return addresses.map((address) => `${network}/${ipFromBytes(address) ?? ''}`);
    }
    case undefined:
      return [];
  }
}
