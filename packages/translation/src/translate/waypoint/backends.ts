import { Protocol } from '@ambit/proto/waypoint';
import type { BackendReference, RouteObject } from '../../gateway-objects.ts';
import type { Model } from '../../model.ts';
import type { Service, ServicePort } from '../../objects.ts';
import { isPublished, tcpPorts } from '../service.ts';
import { protocolOf } from './protocol.ts';
import { ReferenceGrants } from './reference-grants.ts';

/** A share of the requests of a rule. Without a Service, it is answered with 500. */
export interface Backend {
  readonly target: { readonly service: Service; readonly port: ServicePort; readonly subset: string } | undefined;
  readonly weight: number;
}

/** Why a reference leads nowhere, by the reasons of the Gateway API. */
export interface ReferenceProblem {
  readonly reason: 'BackendNotFound' | 'InvalidKind' | 'RefNotPermitted' | 'SubsetNotFound' | 'UnsupportedProtocol';
  readonly message: string;
}

export interface ResolvedBackend {
  readonly backend: Backend;
  readonly problem: ReferenceProblem | undefined;
}

/** Finds what the backendRefs of a route stand for. */
export class BackendResolver {
  readonly #model: Model;
  readonly #grants: ReferenceGrants;
  readonly #isReachedAnyway: (parent: Service, backend: Service) => boolean;

  /** `isReachedAnyway`: whether who reaches a Service reaches another at each of its waypoints, by no other policies. */
  constructor(model: Model, isReachedAnyway: (parent: Service, backend: Service) => boolean) {
    this.#model = model;
    this.#grants = new ReferenceGrants(model.referenceGrants.values());
    this.#isReachedAnyway = isReachedAnyway;
  }

  /** `parent`: the Service that the route acts on, as far as it is there. */
  resolve(reference: BackendReference, route: RouteObject, parent: Service | undefined): ResolvedBackend {
    const weight = reference.weight ?? 1;
    const found = this.#find(reference, route, parent);
    if ('reason' in found) return { backend: { target: undefined, weight }, problem: found };
    return { backend: { target: { ...found, subset: '' }, weight }, problem: undefined };
  }

  #find(
    reference: BackendReference,
    route: RouteObject,
    parent: Service | undefined,
  ): { readonly service: Service; readonly port: ServicePort } | ReferenceProblem {
    const { group = '', kind = 'Service', name, namespace = route.metadata.namespace } = reference;
    if (group !== '' || kind !== 'Service') {
      return {
        reason: 'InvalidKind',
        message: `backend ${name} is a ${kind} of group "${group}"; only Services are known`,
      };
    }
    const where = `Service ${namespace}/${name}`;
    const service = this.#model.services.get(`${namespace}/${name}`);
    if (namespace !== route.metadata.namespace && !this.#isPermitted(route, parent, service, { namespace, name })) {
      return { reason: 'RefNotPermitted', message: `no ReferenceGrant in ${namespace} permits to refer to ${where}` };
    }
    if (service === undefined) return { reason: 'BackendNotFound', message: `${where} does not exist` };
    if (!isPublished(service)) {
      return { reason: 'BackendNotFound', message: `${where} is of type ExternalName, to which no route leads` };
    }
    const port = tcpPorts(service).find((candidate) => candidate.port === reference.port);
    if (port === undefined) {
      const missing = reference.port === undefined ? 'a backend needs a port' : `it has no port ${reference.port}`;
      return { reason: 'BackendNotFound', message: `${where}: ${missing}` };
    }
    const isOfRequests = route.kind === 'HTTPRoute' || route.kind === 'GRPCRoute';
    return isOfRequests && protocolOf(port) === Protocol.TCP
      ? { reason: 'UnsupportedProtocol', message: `${where}: its port ${port.port} is not declared to speak HTTP` }
      : { service, port };
  }

  /**
   * What a waypoint sends on carries its own identity, so a route can reach more than its author: that needs a grant
   * (GEP-1294, Namespace boundaries). The Service itself does not, nor do those beside it that are reached in the same way.
   */
  #isPermitted(
    route: RouteObject,
    parent: Service | undefined,
    backend: Service | undefined,
    named: { readonly namespace: string; readonly name: string },
  ): boolean {
    if (parent !== undefined && backend !== undefined && parent.metadata.namespace === named.namespace) {
      if (parent === backend || this.#isReachedAnyway(parent, backend)) return true;
    }
    return this.#grants.permits(route, named);
  }
}
