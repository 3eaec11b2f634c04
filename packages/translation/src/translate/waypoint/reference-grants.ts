import type { ReferenceGrant, RouteObject } from '../../gateway-objects.ts';
import type { VirtualService } from '../../traffic-objects.ts';

/** The ReferenceGrants of a model: each stands in the namespace of what it lets others refer to. */
export class ReferenceGrants {
  readonly #byNamespace: ReadonlyMap<string, readonly ReferenceGrant[]>;

  constructor(grants: Iterable<ReferenceGrant>) {
    this.#byNamespace = Map.groupBy(grants, ({ metadata }) => metadata.namespace);
  }

  /** Whether an object may refer to a Service of another namespace. */
  permits(
    { kind, metadata }: RouteObject | VirtualService,
    service: { readonly namespace: string; readonly name: string },
  ): boolean {
    const group = kind === 'VirtualService' ? 'networking.istio.io' : 'gateway.networking.k8s.io';
    return (this.#byNamespace.get(service.namespace) ?? []).some(
      ({ spec }) =>
        spec.from.some((from) => from.group === group && from.kind === kind && from.namespace === metadata.namespace) &&
        spec.to.some(
          (to) =>
            to.group === '' &&
            to.kind === 'Service' &&
            (to.name === undefined || to.name === '' || to.name === service.name),
        ),
    );
  }
}
