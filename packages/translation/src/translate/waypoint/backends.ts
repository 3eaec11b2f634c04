import { Protocol } from '@ambit/proto/waypoint';
import type { BackendReference, RouteObject } from '../../gateway-objects.ts';
import type { Model } from '../../model.ts';
import type { ServicePort } from '../../objects.ts';
import { describeService, type MeshService } from '../mesh-service.ts';
import { isPublished, tcpPorts } from '../service.ts';
import type { ServiceHosts } from './hosts.ts';
import { protocolOf } from './protocol.ts';
import { ReferenceGrants } from './reference-grants.ts';
import type { ServiceCatalog } from './service-catalog.ts';

/** A share of the requests of a rule. Without a service, it is answered with 500. */
export interface Backend {
  readonly target: { readonly service: MeshService; readonly port: ServicePort; readonly subset: string } | undefined;
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

export interface BackendResolverParts {
  readonly model: Pick<Model, 'referenceGrants'>;
  readonly catalog: ServiceCatalog;
  readonly hosts: ServiceHosts;
  /** Whether who reaches a service reaches another at each of its waypoints, by no other policies. */
  readonly isReachedAnyway: (parent: MeshService, backend: MeshService) => boolean;
}

/** Finds what the backendRefs of a route stand for. */
export class BackendResolver {
  readonly #parts: BackendResolverParts;
  readonly #grants: ReferenceGrants;

  constructor(parts: BackendResolverParts) {
    this.#parts = parts;
    this.#grants = new ReferenceGrants(parts.model.referenceGrants.values());
  }

  /** `parent`: the service that the route acts on, as far as it is there. */
  resolve(reference: BackendReference, route: RouteObject, parent: MeshService | undefined): ResolvedBackend {
    const weight = reference.weight ?? 1;
    const found = this.#find(reference, route, parent);
    if ('reason' in found) return { backend: { target: undefined, weight }, problem: found };
    return { backend: { target: { ...found, subset: '' }, weight }, problem: undefined };
  }

  #find(
    reference: BackendReference,
    route: RouteObject,
    parent: MeshService | undefined,
  ): { readonly service: MeshService; readonly port: ServicePort } | ReferenceProblem {
    const { group = '', kind = 'Service', name } = reference;
    const found =
      group === 'networking.istio.io' && kind === 'Hostname'
        ? this.#named(reference, route, parent)
        : group === '' && kind === 'Service'
          ? this.#service(reference, route, parent)
          : undefined;
    if (found === undefined) {
      return {
        reason: 'InvalidKind',
        message: `backend ${name} is a ${kind} of group "${group}"; only Services and Hostnames are known`,
      };
    }
    if ('reason' in found) return found;
    const { service, where } = found;
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

  #service(
    { name, namespace: written }: BackendReference,
    route: RouteObject,
    parent: MeshService | undefined,
  ): Found | ReferenceProblem {
    const namespace = written ?? route.metadata.namespace;
    const where = `Service ${namespace}/${name}`;
    const service = this.#parts.catalog.service(`${namespace}/${name}`);
    if (!this.#isPermitted(route, parent, service, { kind: 'Service', namespace, name })) {
      return { reason: 'RefNotPermitted', message: `no ReferenceGrant in ${namespace} permits to refer to ${where}` };
    }
    if (service === undefined) return { reason: 'BackendNotFound', message: `${where} does not exist` };
    if (!isPublished(service)) {
      return { reason: 'BackendNotFound', message: `${where} is of type ExternalName, to which no route leads` };
    }
    return { service, where };
  }

  /** A host by its full name: that of the route's namespace, else the one that everybody means. */
  #named(
    { name, namespace }: BackendReference,
    route: RouteObject,
    parent: MeshService | undefined,
  ): Found | ReferenceProblem {
    const where = `Hostname ${name}`;
    if (namespace !== undefined) {
      return { reason: 'InvalidKind', message: `${where}: a host is of no namespace, so none may be named` };
    }
    const service = this.#parts.hosts.get(name.toLowerCase(), route.metadata.namespace);
    if (service === undefined) {
      return { reason: 'BackendNotFound', message: `${where}: no Service or ServiceEntry is called so` };
    }
    const { kind, metadata } = service;
    if (!this.#isPermitted(route, parent, service, { kind, namespace: metadata.namespace, name: metadata.name })) {
      const message = `no ReferenceGrant in ${metadata.namespace} permits to refer to ${describeService(service)}, which is ${name}`;
      return { reason: 'RefNotPermitted', message };
    }
    return { service, where };
  }

  /**
   * What a waypoint sends on carries its own identity, so a route can reach more than its author: that needs a grant
   * (GEP-1294, Namespace boundaries). The service itself does not, nor do those beside it that are reached in the same way.
   */
  #isPermitted(
    route: RouteObject,
    parent: MeshService | undefined,
    backend: MeshService | undefined,
    named: Parameters<ReferenceGrants['permits']>[1],
  ): boolean {
    if (named.namespace === route.metadata.namespace) return true;
    if (parent !== undefined && backend !== undefined && parent.metadata.namespace === named.namespace) {
      if (parent === backend || this.#parts.isReachedAnyway(parent, backend)) return true;
    }
    return this.#grants.permits(route, named);
  }
}

interface Found {
  readonly service: MeshService;
  /** How messages call it. */
  readonly where: string;
}
