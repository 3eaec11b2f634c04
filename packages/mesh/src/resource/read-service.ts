import { cidrFromBytes } from '@ambit/core/cidr';
import type * as proto from '@ambit/proto/workload';
import {
  ANY_ENDPOINT,
  type LoadBalancing,
  type Service,
  type ServiceAddress,
  type ServicePort,
  type WeightedWaypoint,
} from '../service.ts';
import { checkPort, type Problems, readEnum, readGateway, readIp } from './read-common.ts';
import { serviceKey } from './read-workload.ts';

const APP_PROTOCOLS = ['unknown', 'http11', 'http2', 'grpc', 'tcp', 'tls'] as const;
const MODES = ['standard', 'strict', 'failover', 'passthrough'] as const;
const HEALTH_POLICIES = ['only-healthy', 'allow-all'] as const;
const PREFERENCES = [undefined, 'region', 'zone', 'subzone', 'node', 'cluster', 'network'] as const;
const FAMILIES = ['automatic', 'ipv4', 'ipv6', 'dual'] as const;
const VISIBILITIES = ['public', 'namespace'] as const;

/** The reasons for which a service is refused; empty when there are none. */
export function validateService(message: proto.Service): string[] {
  const problems: Problems = [];
  readService(message, problems);
  return problems;
}

/** A service with defaults applied. What could not be read is left out and named in `problems`. */
export function readService(message: proto.Service, problems: Problems): Service {
  if (message.hostname.length === 0) problems.push('hostname: is empty');
  return {
    key: serviceKey(message.namespace, message.hostname),
    name: message.name,
    namespace: message.namespace,
    hostname: message.hostname.toLowerCase(),
    addresses: readAddresses(message, problems),
    ports: readPorts(message, problems),
    subjectAltNames: message.subjectAltNames,
    waypoints: readWaypoints(message, problems),
    loadBalancing: readLoadBalancing(message.loadBalancing, problems),
    ipFamilies: readEnum(FAMILIES, message.ipFamilies, 'ip_families', problems) ?? 'automatic',
    canonical: message.canonical,
    namespaceOnly: readEnum(VISIBILITIES, message.visibility, 'visibility', problems) !== 'public',
    ingressUseWaypoint: message.ingressUseWaypoint,
    invalid: undefined,
  };
}

function readAddresses(message: proto.Service, problems: Problems): ServiceAddress[] {
  const addresses: ServiceAddress[] = [];
  for (const { network, address, length } of message.addresses) {
    const ip = readIp(address, 'addresses', problems);
    if (ip === undefined) continue;
    if (length === undefined) {
      addresses.push({ network, ip, prefixLength: undefined });
      continue;
    }
    // A mapped IPv4 address counts its prefix from the 16 bytes on the wire and is kept as IPv4.
    const mapped = address.length === 16 && !ip.includes(':');
    if (cidrFromBytes(address, length) === undefined || (mapped && length < 96)) {
      problems.push(`addresses: ${ip}/${length} is not a prefix`);
      continue;
    }
    addresses.push({ network, ip, prefixLength: mapped ? length - 96 : length });
  }
  return addresses;
}

function readPorts(message: proto.Service, problems: Problems): ServicePort[] {
  return message.ports.map(({ servicePort, targetPort, appProtocol }) => {
    checkPort(servicePort, 'ports.service_port', problems);
    checkPort(targetPort, 'ports.target_port', problems, 0);
    // Only a hint for waypoints: a protocol of a newer controller is no reason to refuse the service.
    return { servicePort, targetPort, appProtocol: APP_PROTOCOLS[appProtocol] ?? 'unknown' };
  });
}

function readWaypoints(message: proto.Service, problems: Problems): WeightedWaypoint[] {
  const waypoints: WeightedWaypoint[] = [];
  for (const { destination, weight } of message.weightedWaypoints) {
    const address = readGateway(destination, 'weighted_waypoints.destination', problems);
    if (address !== undefined) waypoints.push({ address, weight });
    else if (destination === undefined) problems.push('weighted_waypoints.destination: is not set');
  }
  if (message.weightedWaypoints.length > 0) return waypoints;
  const single = readGateway(message.waypoint, 'waypoint', problems);
  return single === undefined ? [] : [{ address: single, weight: 1 }];
}

function readLoadBalancing(message: proto.LoadBalancing | undefined, problems: Problems): LoadBalancing {
  if (message === undefined) return ANY_ENDPOINT;
  const preferences = message.routingPreference.map((scope) =>
    readEnum(PREFERENCES, scope, 'load_balancing.routing_preference', problems),
  );
  const health = readEnum(HEALTH_POLICIES, message.healthPolicy, 'load_balancing.health_policy', problems);
  return {
    mode: readEnum(MODES, message.mode, 'load_balancing.mode', problems) ?? 'standard',
    preferences: preferences.filter((preference) => preference !== undefined),
    allowUnhealthy: health === 'allow-all',
  };
}
