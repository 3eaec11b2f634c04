import type { ReferenceGrant, RouteObject } from '../../gateway-objects.ts';
import type { VirtualService } from '../../traffic-objects.ts';

/** The ReferenceGrants of a model: each stands in the namespace of what it lets others refer to. */
export class ReferenceGrants {
  readonly #byNamespace: ReadonlyMap<string, readonly ReferenceGrant[]>;

  constructor(grants: Iterable<ReferenceGrant>) {
    this.#byNamespace = Map.groupBy(grants, ({ metadata }) => metadata.namespace);
  }

  /** Whether an object may refer to a Service or ServiceEntry of another namespace. */
  permits(
    { kind, metadata }: RouteObject | VirtualService,
    target: { readonly kind: 'Service' | 'ServiceEntry'; readonly namespace: string; readonly name: string },
  ): boolean {
    const group = kind === 'VirtualService' ? 'networking.istio.io' : 'gateway.networking.k8s.io';
    return (this.#byNamespace.get(target.namespace) ?? []).some(
      ({ spec }) =>
        spec.from.some((from) => from.group === group && from.kind === kind && from.namespace === metadata.namespace) &&
        spec.to.some(
          (to) =>
            to.group === (target.kind === 'Service' ? '' : 'networking.istio.io') &&
            to.kind === target.kind &&
            (to.name === undefined || to.name === '' || to.name === target.name),
        ),
    );
  }
}
