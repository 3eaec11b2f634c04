import { Protocol } from '@ambit/proto/waypoint';
import type { ParentReference, RouteObject } from '../../gateway-objects.ts';
import type { Model } from '../../model.ts';
import type { Service, ServicePort } from '../../objects.ts';
import { isPublished, tcpPorts } from '../service.ts';
import { protocolOf } from './protocol.ts';

/** Where a parentRef leads to: the ports that the route acts on, or why there are none. */
export type Parent =
  | { readonly service: Service; readonly ports: readonly ServicePort[] }
  | { readonly reason: 'NoMatchingParent' | 'UnsupportedValue'; readonly message: string };

/** The Service that a parentRef names, if there is one. */
export function parentServiceOf(
  model: Model,
  { metadata }: RouteObject,
  { group, kind, namespace = metadata.namespace, name }: ParentReference,
): Service | undefined {
  if (group !== '' || kind !== 'Service') return undefined;
  const service = model.services.get(`${namespace}/${name}`);
  return service !== undefined && isPublished(service) ? service : undefined;
}

/** A route acts on the ports of a Service that carry what it routes; undeclared ones carry anything. */
export function parentOf(model: Model, route: RouteObject, reference: ParentReference): Parent {
  const {
    group = 'gateway.networking.k8s.io',
    kind = 'Gateway',
    namespace = route.metadata.namespace,
    name,
    sectionName,
    port: number,
  } = reference;
  const none = (message: string): Parent => ({ reason: 'NoMatchingParent', message });
  if (group === 'networking.istio.io' && kind === 'ServiceEntry') {
    const message = `ServiceEntry ${namespace}/${name}: hosts outside the cluster are not served yet`;
    return { reason: 'UnsupportedValue', message };
  }
  if (group !== '' || kind !== 'Service') {
    return none(`routes act on Services here, and ${name} is a ${kind} of group "${group}"`);
  }
  const where = `Service ${namespace}/${name}`;
  const service = parentServiceOf(model, route, reference);
  if (service === undefined) {
    const isExternal = model.services.get(`${namespace}/${name}`)?.spec.type === 'ExternalName';
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
  if (fitting.length > 0) return { service, ports: fitting };
  return none(
    isOfRequests
      ? `${where} has no such port that may speak HTTP`
      : `${where} has no such port but those that are declared to speak HTTP`,
  );
}
