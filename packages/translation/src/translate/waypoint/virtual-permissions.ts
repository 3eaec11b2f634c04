import type { Model } from '../../model.ts';
import type { MeshService } from '../mesh-service.ts';
import type { VirtualService } from '../../traffic-objects.ts';
import { ReferenceGrants } from './reference-grants.ts';
import type { Listener } from './virtual-targets.ts';

/**
 * Where VirtualServices may send requests and copies of them. What a waypoint sends on carries its identity, which may be
 * admitted where the author of a route is not: he needs a grant for Services of others, unless the waypoint is of his own
 * namespace (docs/adr/0022).
 */
export class VirtualPermissions {
  readonly #grants: ReferenceGrants;
  readonly #isReachedAnyway: (parent: MeshService, backend: MeshService) => boolean;

  /** `isReachedAnyway`: whether who reaches a Service reaches another at each of its waypoints, by no other policies. */
  constructor(model: Model, isReachedAnyway: (parent: MeshService, backend: MeshService) => boolean) {
    this.#grants = new ReferenceGrants(model.referenceGrants.values());
    this.#isReachedAnyway = isReachedAnyway;
  }

  /** `from`: who has written the destination. */
  permits(from: VirtualService, target: MeshService, { service, waypointNamespace }: Listener): boolean {
    const author = from.metadata.namespace;
    const { namespace } = target.metadata;
    if (author === waypointNamespace || author === namespace || target === service) return true;
    const isBeside = namespace === service.metadata.namespace && this.#isReachedAnyway(service, target);
    return isBeside || this.#grants.permits(from, { kind: target.kind, namespace, name: target.metadata.name });
  }
}
