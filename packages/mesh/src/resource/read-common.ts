import { type IpAddress, ipFromBytes } from '@ambit/core/address';
import type * as proto from '@ambit/proto/workload';
import type { GatewayAddress, GatewayDestination } from '../workload.ts';

/** What is wrong with a resource, as text that names the field; filled while it is read. */
export type Problems = string[];

/** Appends a sentence when `port` is not a port. 0 is allowed unless `least` is 1. */
export function checkPort(port: number, field: string, problems: Problems, least: 0 | 1 = 1): void {
  if (port < least || port > 65_535) problems.push(`${field}: ${port} is not a port (${least} to 65535)`);
}

/** Canonical text of address bytes; undefined and a problem when they are not 4 or 16. */
export function readIp(bytes: Uint8Array, field: string, problems: Problems): IpAddress | undefined {
  const ip = ipFromBytes(bytes);
  if (ip === undefined) problems.push(`${field}: an address has 4 or 16 bytes, not ${bytes.length}`);
  return ip;
}

/** The name behind an enum number; undefined and a problem for numbers that this version does not know. */
export function readEnum<Name extends string>(
  names: readonly (Name | undefined)[],
  value: number,
  field: string,
  problems: Problems,
): Name | undefined {
  const name = names[value];
  if (name === undefined) problems.push(`${field}: value ${value} is not supported`);
  return name;
}

/** Where a waypoint or gateway is; undefined when absent or unreadable (then with a problem). */
export function readGateway(
  message: proto.GatewayAddress | undefined,
  field: string,
  problems: Problems,
): GatewayAddress | undefined {
  if (message === undefined) return undefined;
  checkPort(message.hboneMtlsPort, `${field}.hbone_mtls_port`, problems);
  const destination = readDestination(message, field, problems);
  return destination === undefined ? undefined : { destination, hbonePort: message.hboneMtlsPort };
}

function readDestination(
  message: proto.GatewayAddress,
  field: string,
  problems: Problems,
): GatewayDestination | undefined {
  const destination = message.destination;
  switch (destination.case) {
    case 'address': {
      const ip = readIp(destination.value.address, `${field}.address`, problems);
      return ip === undefined ? undefined : { kind: 'address', network: destination.value.network, ip };
    }
    case 'hostname':
      if (destination.value.hostname.length === 0) problems.push(`${field}.hostname: is empty`);
      return {
        kind: 'hostname',
        namespace: destination.value.namespace,
        hostname: destination.value.hostname.toLowerCase(),
      };
    case undefined:
      problems.push(`${field}: neither address nor hostname is set`);
      return undefined;
  }
}
