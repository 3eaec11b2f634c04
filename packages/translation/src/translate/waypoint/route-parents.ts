import { Protocol } from '@ambit/proto/waypoint';
import type { ParentReference, RouteObject } from '../../gateway-objects.ts';
import type { ServicePort } from '../../objects.ts';
import type { MeshService } from '../mesh-service.ts';
import { isPublished, tcpPorts } from '../service.ts';
import { protocolOf } from './protocol.ts';
import type { ServiceCatalog } from './service-catalog.ts';

/** Where a parentRef leads to: the ports that the route acts on, or why there are none. */
export type Parent =
  /** The Service, or the hosts of a ServiceEntry, which have the same ports. */
  | { readonly services: readonly [MeshService, ...MeshService[]]; readonly ports: readonly ServicePort[] }
  | { readonly reason: 'NoMatchingParent'; readonly message: string };

/** The Service or hosts that a parentRef names, as far as they are there. */
export function parentServicesOf(
  catalog: ServiceCatalog,
  { metadata }: RouteObject,
  { group, kind, namespace = metadata.namespace, name }: ParentReference,
): readonly MeshService[] {
  const key = `${namespace}/${name}`;
  if (group === 'networking.istio.io' && kind === 'ServiceEntry') return catalog.hosts(key);
  if (group !== '' || kind !== 'Service') return [];
  const service = catalog.service(key);
  return service !== undefined && isPublished(service) ? [service] : [];
}

/** A route acts on the ports of a service that carry what it routes; undeclared ones carry anything. */
export function parentOf(catalog: ServiceCatalog, route: RouteObject, reference: ParentReference): Parent {
  const {
    group = 'gateway.networking.k8s.io',
    kind = 'Gateway',
    namespace = route.metadata.namespace,
    name,
    sectionName,
    port: number,
  } = reference;
  const none = (message: string): Parent => ({ reason: 'NoMatchingParent', message });
  const isEntry = group === 'networking.istio.io' && kind === 'ServiceEntry';
  if (!isEntry && (group !== '' || kind !== 'Service')) {
    return none(`routes act on Services and ServiceEntries here, and ${name} is a ${kind} of group "${group}"`);
  }
  const where = `${kind} ${namespace}/${name}`;
  const [service, ...others] = parentServicesOf(catalog, route, reference);
  if (service === undefined) {
    if (isEntry) return none(`${where} does not exist, or no host of it is published`);
    const isExternal = catalog.service(`${namespace}/${name}`)?.spec.type === 'ExternalName';
    return none(`${where} ${isExternal ? 'is of type ExternalName, so nothing is served at it' : 'does not exist'}`);
  }
  if (service.spec.clusterIP === 'None') return none(`${where} is headless, so its pods are called directly`);
  const ports = tcpPorts(service).filter(
    ({ port, name: section }) =>
      (number === undefined || port === number) && (sectionName === undefined || section === sectionName),
  );
  if (ports.length === 0) return none(`${where} has no such port`);
  const isOfRequests = route.kind === 'HTTPRoute' || route.kind === 'GRPCRoute';
  const fitting = ports.filter((port) => {
    const protocol = protocolOf(port);
    return protocol === Protocol.AUTO || (protocol !== Protocol.TCP) === isOfRequests;
  });
  if (fitting.length > 0) return { services: [service, ...others], ports: fitting };
  return none(
    isOfRequests
      ? `${where} has no such port that may speak HTTP`
      : `${where} has no such port but those that are declared to speak HTTP`,
  );
}
