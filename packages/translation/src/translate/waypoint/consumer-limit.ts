import type { RouteObject } from '../../gateway-objects.ts';
import {
  MAX_CONSUMER_BYTES_PER_NAMESPACE,
  MAX_CONSUMER_BYTES_PER_SERVICE,
  MAX_CONSUMER_ROUTES_PER_NAMESPACE,
  MAX_CONSUMER_ROUTES_PER_SERVICE,
} from '../../limits.ts';
import { describeService, type MeshService, serviceName } from '../mesh-service.ts';

interface Room {
  readonly routes: number;
  /** Of specs as written, once for each port. */
  readonly bytes: number;
}

const OF_NAMESPACE: Room = { routes: MAX_CONSUMER_ROUTES_PER_NAMESPACE, bytes: MAX_CONSUMER_BYTES_PER_NAMESPACE };
const OF_SERVICE: Room = { routes: MAX_CONSUMER_ROUTES_PER_SERVICE, bytes: MAX_CONSUMER_BYTES_PER_SERVICE };

/** How much room the routes of other namespaces take at a Service; the first that come have it. */
export class ConsumerLimit {
  /** By name of the service; with a space and a namespace, what that namespace takes. */
  readonly #taken = new Map<string, Room>();
  readonly #refusals = new Map<RouteObject, Map<MeshService, string>>();

  /** Whether there is room for a further route of another namespace; call once for a route and a Service. */
  admit(route: RouteObject, service: MeshService, ports: number): boolean {
    const name = serviceName(service);
    const { namespace } = route.metadata;
    const bytes = Buffer.byteLength(JSON.stringify(route.spec)) * ports;
    const accounts = [
      { key: `${name} ${namespace}`, most: OF_NAMESPACE, whose: `of namespace ${namespace}` },
      { key: name, most: OF_SERVICE, whose: 'of other namespaces' },
    ].map((account) => {
      const taken = this.#taken.get(account.key) ?? { routes: 0, bytes: 0 };
      return { ...account, wanted: { routes: taken.routes + 1, bytes: taken.bytes + bytes } };
    });
    const full = accounts.find(({ wanted, most }) => wanted.routes > most.routes || wanted.bytes > most.bytes);
    if (full === undefined) {
      for (const { key, wanted } of accounts) this.#taken.set(key, wanted);
      return true;
    }
    const { most, whose } = full;
    const refusals = this.#refusals.get(route) ?? new Map<MeshService, string>();
    refusals.set(
      service,
      `${describeService(service)} takes ${most.routes} routes ${whose} at most, with ${most.bytes} bytes for all ports together, and older ones have the room`,
    );
    this.#refusals.set(route, refusals);
    return false;
  }

  /** Why there was no room; undefined: there was. */
  refusalOf(route: RouteObject, service: MeshService): string | undefined {
    return this.#refusals.get(route)?.get(service);
  }
}
