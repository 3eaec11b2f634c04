import type * as proto from '@ambit/proto/workload';
import { type ApplicationTunnel, type Locality, NO_LOCALITY, type PortMapping, type Workload } from '../workload.ts';
import { checkPort, type Problems, readEnum, readGateway, readIp } from './read-common.ts';

const PROTOCOLS = ['tcp', 'hbone'] as const;
const TYPES = ['deployment', 'cronjob', 'pod', 'job'] as const;
const STATUSES = ['healthy', 'unhealthy'] as const;
const NETWORK_MODES = ['standard', 'host'] as const;
const TUNNELS = ['none', 'proxy'] as const;

/** Istio's protocol of sidecars without HBONE; nothing here speaks it. */
const LEGACY_ISTIO_MTLS = 2;

/** The reasons for which a workload is refused; empty when there are none. */
export function validateWorkload(message: proto.Workload): string[] {
  const problems: Problems = [];
  readWorkload(message, problems);
  return problems;
}

/** A workload with defaults applied (ztunnel's: trust domain `cluster.local`, service account `default`, …). */
export function readWorkload(message: proto.Workload, problems: Problems): Workload {
  if (message.uid.length === 0) problems.push('uid: is empty');
  if (message.tunnelProtocol === LEGACY_ISTIO_MTLS) {
    problems.push('tunnel_protocol: LEGACY_ISTIO_MTLS is not supported, only NONE and HBONE');
  }
  return {
    uid: message.uid,
    name: message.name,
    namespace: message.namespace,
    identity: {
      trustDomain: message.trustDomain || 'cluster.local',
      namespace: message.namespace,
      serviceAccount: message.serviceAccount || 'default',
    },
    addresses: readAddresses(message, problems),
    hostname: message.hostname.toLowerCase(),
    network: message.network,
    protocol:
      message.tunnelProtocol === LEGACY_ISTIO_MTLS
        ? 'tcp'
        : (readEnum(PROTOCOLS, message.tunnelProtocol, 'tunnel_protocol', problems) ?? 'tcp'),
    node: message.node,
    clusterId: message.clusterId || 'Kubernetes',
    locality: readLocality(message.locality),
    canonicalName: message.canonicalName,
    canonicalRevision: message.canonicalRevision,
    workloadName: message.workloadName,
    workloadType: readEnum(TYPES, message.workloadType, 'workload_type', problems) ?? 'pod',
    nativeTunnel: message.nativeTunnel,
    healthy: readEnum(STATUSES, message.status, 'status', problems) === 'healthy',
    hostNetwork: readEnum(NETWORK_MODES, message.networkMode, 'network_mode', problems) === 'host',
    capacity: message.capacity ?? 1,
    waypoint: readGateway(message.waypoint, 'waypoint', problems),
    networkGateway: readGateway(message.networkGateway, 'network_gateway', problems),
    applicationTunnel: readTunnel(message.applicationTunnel, problems),
    authorizationPolicies: message.authorizationPolicies,
    services: readServices(message.services, problems),
    invalid: undefined,
  };
}

function readLocality(message: proto.Locality | undefined): Locality {
  if (message === undefined) return NO_LOCALITY;
  return { region: message.region, zone: message.zone, subzone: message.subzone };
}

function readAddresses(message: proto.Workload, problems: Problems): string[] {
  const addresses: string[] = [];
  for (const bytes of message.addresses) {
    const ip = readIp(bytes, 'addresses', problems);
    if (ip !== undefined) addresses.push(ip);
  }
  return addresses;
}

function readTunnel(message: proto.ApplicationTunnel | undefined, problems: Problems): ApplicationTunnel | undefined {
  if (message === undefined) return undefined;
  checkPort(message.port, 'application_tunnel.port', problems, 0);
  const protocol = readEnum(TUNNELS, message.protocol, 'application_tunnel.protocol', problems) ?? 'none';
  return { protocol, port: message.port };
}

function readServices(
  message: Readonly<Record<string, proto.PortList>>,
  problems: Problems,
): ReadonlyMap<string, readonly PortMapping[]> {
  const services = new Map<string, readonly PortMapping[]>();
  for (const [key, list] of Object.entries(message)) {
    const separator = key.indexOf('/');
    if (separator < 0) {
      problems.push(`services: ${JSON.stringify(key)} is not namespace/hostname`);
      continue;
    }
    for (const port of list.ports) {
      checkPort(port.servicePort, `services[${key}].service_port`, problems);
      checkPort(port.targetPort, `services[${key}].target_port`, problems, 0);
    }
    const ports = list.ports.map(({ servicePort, targetPort }) => ({ servicePort, targetPort }));
    services.set(serviceKey(key.slice(0, separator), key.slice(separator + 1)), ports);
  }
  return services;
}

/** The name under which a service is known: hostnames are compared without regard to case. */
export function serviceKey(namespace: string, hostname: string): string {
  return `${namespace}/${hostname.toLowerCase()}`;
}
