import { Protocol } from '@ambit/proto/waypoint';
import type { BackendReference, GrpcRoute, HttpRoute } from '../../gateway-objects.ts';
import type { Model } from '../../model.ts';
import type { Service, ServicePort } from '../../objects.ts';
import { isPublished, tcpPorts } from '../service.ts';
import { protocolOf } from './protocol.ts';

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

/** Finds what the backendRefs of a route stand for. */
export class BackendResolver {
  readonly #model: Model;

  constructor(model: Model) {
    this.#model = model;
  }

  resolve(
    reference: BackendReference,
    route: GrpcRoute | HttpRoute,
  ): { readonly backend: Backend; readonly problem: ReferenceProblem | undefined } {
    const weight = reference.weight ?? 1;
    const found = this.#find(reference, route);
    if ('reason' in found) return { backend: { target: undefined, weight }, problem: found };
    return { backend: { target: { ...found, subset: '' }, weight }, problem: undefined };
  }

  #find(
    reference: BackendReference,
    route: GrpcRoute | HttpRoute,
  ): { readonly service: Service; readonly port: ServicePort } | ReferenceProblem {
    const { group = '', kind = 'Service', name, namespace = route.metadata.namespace } = reference;
    if (group !== '' || kind !== 'Service') {
      return {
        reason: 'InvalidKind',
        message: `backend ${name} is a ${kind} of group "${group}"; only Services are known`,
      };
    }
    const where = `Service ${namespace}/${name}`;
    if (namespace !== route.metadata.namespace && !this.#isGranted(route, namespace, name)) {
      return { reason: 'RefNotPermitted', message: `no ReferenceGrant in ${namespace} permits to refer to ${where}` };
    }
    const service = this.#model.services.get(`${namespace}/${name}`);
    if (service === undefined || !isPublished(service)) {
      return { reason: 'BackendNotFound', message: `${where} does not exist` };
    }
    const port = tcpPorts(service).find((candidate) => candidate.port === reference.port);
    if (port === undefined) {
      const missing = reference.port === undefined ? 'a backend needs a port' : `it has no port ${reference.port}`;
      return { reason: 'BackendNotFound', message: `${where}: ${missing}` };
    }
    return protocolOf(port) === Protocol.TCP
      ? { reason: 'UnsupportedProtocol', message: `${where}: its port ${port.port} is not declared to speak HTTP` }
      : { service, port };
  }

  #isGranted({ kind, metadata }: GrpcRoute | HttpRoute, namespace: string, name: string): boolean {
    return [...this.#model.referenceGrants.values()].some(
      (grant) =>
        grant.metadata.namespace === namespace &&
        grant.spec.from.some(
          (from) =>
            from.group === 'gateway.networking.k8s.io' && from.kind === kind && from.namespace === metadata.namespace,
        ) &&
        grant.spec.to.some(
          (to) =>
            to.group === '' && to.kind === 'Service' && (to.name === undefined || to.name === '' || to.name === name),
        ),
    );
  }
}
