import type { RouteObject } from '../../gateway-objects.ts';
import { MAX_CONSUMER_ROUTES_PER_NAMESPACE, MAX_CONSUMER_ROUTES_PER_SERVICE } from '../../limits.ts';
import { objectName, type Service } from '../../objects.ts';

/** How many routes of other namespaces a Service has; the first that come have the room. */
export class ConsumerLimit {
  /** By `namespace/name` of the Service; with a space and a namespace, those of that namespace. */
  readonly #counts = new Map<string, number>();
  readonly #refusals = new Map<RouteObject, Map<Service, string>>();

  /** Whether there is room for a further route of another namespace; call once for a route and a Service. */
  admit(route: RouteObject, service: Service): boolean {
    const name = objectName(service.metadata);
    const { namespace } = route.metadata;
    const bounds = [
      [`${name} ${namespace}`, MAX_CONSUMER_ROUTES_PER_NAMESPACE, `of namespace ${namespace}`],
      [name, MAX_CONSUMER_ROUTES_PER_SERVICE, 'of other namespaces'],
    ] as const;
    const met = bounds.find(([key, most]) => (this.#counts.get(key) ?? 0) >= most);
    if (met === undefined) {
      for (const [key] of bounds) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
      return true;
    }
    const [, most, whose] = met;
    const refusals = this.#refusals.get(route) ?? new Map<Service, string>();
    refusals.set(service, `Service ${name} takes ${most} routes ${whose} at most, and older ones have the room`);
    this.#refusals.set(route, refusals);
    return false;
  }

  /** Why there was no room; undefined: there was. */
  refusalOf(route: RouteObject, service: Service): string | undefined {
    return this.#refusals.get(route)?.get(service);
  }
}
