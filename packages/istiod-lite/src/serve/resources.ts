import { toBinary } from '@bufbuild/protobuf';
import { ipFromBytes } from '@ambit/core/address';
import { AUTHORIZATION_TYPE_URL, AuthorizationSchema } from '@ambit/proto/authorization';
import { SERVED_SERVICE_TYPE_URL, ServedServiceSchema } from '@ambit/proto/waypoint';
import { type Address, ADDRESS_TYPE_URL, AddressSchema, NetworkMode } from '@ambit/proto/workload';
import type { Translation } from '@ambit/translation/translate';
import type { ResourceInput } from '@ambit/xds/resource-cache';

/**
 * The types served, in the order in which clients must get them: a workload names policies, and a Service that leads to a
 * waypoint is to be known there first.
 */
export const SERVED_TYPES: readonly string[] = [AUTHORIZATION_TYPE_URL, SERVED_SERVICE_TYPE_URL, ADDRESS_TYPE_URL];

/** A translation as resources of the served types, encoded. */
export function resourcesOf(translation: Translation): ReadonlyMap<string, readonly ResourceInput[]> {
  const authorizations = [...translation.authorizations].map(([name, value]): ResourceInput => {
    return { name, bytes: toBinary(AuthorizationSchema, value) };
  });
  const services = [...translation.servedServices].map(([name, value]): ResourceInput => {
    return { name, bytes: toBinary(ServedServiceSchema, value) };
  });
  const addresses = [...translation.addresses].map(([name, value]): ResourceInput => {
    return { name, aliases: aliasesOf(value), bytes: toBinary(AddressSchema, value) };
  });
  return new Map([
    [AUTHORIZATION_TYPE_URL, authorizations],
    [SERVED_SERVICE_TYPE_URL, services],
    [ADDRESS_TYPE_URL, addresses],
  ]);
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
