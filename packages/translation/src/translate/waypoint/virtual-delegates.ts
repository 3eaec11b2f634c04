import { objectName } from '../../objects.ts';
import type { Destination, VirtualHttpRoute, VirtualService } from '../../traffic-objects.ts';
import { isExported } from './exported.ts';
import type { ServiceHosts } from './hosts.ts';
import { mergeRoutes } from './virtual-merge.ts';

/** A route that acts: one of the object itself, or one of a delegate with what the object adds. */
export interface ActingRoute {
  /** With hosts in full. */
  readonly route: VirtualHttpRoute;
  /** For logs. */
  readonly name: string;
  /** The object that has written the destinations. */
  readonly from: VirtualService;
  /** But for those that it has taken over from the object that delegates: mirrors. */
  readonly inherited: ReadonlySet<Destination>;
}

const NONE: ReadonlySet<Destination> = new Set();

/** What became of the delegations of an object. */
export interface Delegation {
  readonly routes: readonly ActingRoute[];
  /** Delegations that lead nowhere; what they would have matched goes to the routes after them. */
  readonly missing: readonly { readonly reason: string; readonly message: string }[];
  /** Routes of delegates that are left out, because they ask for more than the object lets through. */
  readonly conflicts: readonly { readonly delegate: VirtualService; readonly message: string }[];
}

/** `namespace/name` of what a route delegates to. */
export function delegateKey({ delegate = {} }: VirtualHttpRoute, { metadata }: VirtualService): string {
  return `${(delegate.namespace ?? '') === '' ? metadata.namespace : delegate.namespace}/${delegate.name ?? ''}`;
}

/** Finds and merges what objects delegate to. One level: an object without hosts delegates no further. */
export class VirtualDelegates {
  readonly #hosts: ServiceHosts;
  readonly #objects: ReadonlyMap<string, VirtualService>;
  readonly #isRefused: (object: VirtualService) => boolean;

  /** `objects`: by `namespace/name`. */
  constructor(
    objects: ReadonlyMap<string, VirtualService>,
    hosts: ServiceHosts,
    isRefused: (object: VirtualService) => boolean,
  ) {
    this.#objects = objects;
    this.#hosts = hosts;
    this.#isRefused = isRefused;
  }

  of(object: VirtualService): Delegation {
    const routes: ActingRoute[] = [];
    const missing: Delegation['missing'][number][] = [];
    const conflicts: Delegation['conflicts'][number][] = [];
    const name = objectName(object.metadata);
    for (const [index, written] of (object.spec.http ?? []).entries()) {
      const route = this.#withHosts(written, object);
      if (route.delegate === undefined) {
        routes.push({ route, name: `${name}/${route.name ?? index}`, from: object, inherited: NONE });
        continue;
      }
      const delegate = this.#find(route, object);
      if ('reason' in delegate) {
        missing.push({ ...delegate, message: `spec.http[${index}].delegate: ${delegate.message}` });
        continue;
      }
      const mirrors = (route.mirrors ?? []).map(({ destination }) => destination);
      const inherited = new Set(route.mirror === undefined ? mirrors : [route.mirror, ...mirrors]);
      for (const [position, inner] of (delegate.spec.http ?? []).entries()) {
        const merged = mergeRoutes(route, this.#withHosts(inner, delegate));
        if (merged === undefined) {
          const asked = `spec.http[${position}] of ${objectName(delegate.metadata)}`;
          const message = `${asked} matches more than spec.http[${index}] of ${name} lets through, so it is left out`;
          conflicts.push({ delegate, message });
        } else {
          routes.push({
            route: merged,
            name: `${name}/${merged.name ?? `${index}-${position}`}`,
            from: delegate,
            inherited,
          });
        }
      }
    }
    return { routes, missing, conflicts };
  }

  #find(
    route: VirtualHttpRoute,
    object: VirtualService,
  ): VirtualService | { readonly reason: string; readonly message: string } {
    const key = delegateKey(route, object);
    const { namespace } = object.metadata;
    const found = this.#objects.get(key);
    const nowhere = (message: string): { reason: string; message: string } => ({ reason: 'DelegateNotFound', message });
    if (found === undefined) return nowhere(`no VirtualService is called ${key}`);
    if ((found.spec.hosts ?? []).length > 0) return nowhere(`${key} has hosts of its own, so it is no delegate`);
    if (!isExported(found.spec.exportTo, found.metadata.namespace, namespace)) {
      return { reason: 'RefNotPermitted', message: `${key} is not exported to ${namespace}` };
    }
    return this.#isRefused(found) ? nowhere(`${key} is refused, see its condition`) : found;
  }

  /** Names without dots are of the namespace of the object that has written them, also when a delegate takes them over. */
  #withHosts(route: VirtualHttpRoute, { metadata }: VirtualService): VirtualHttpRoute {
    const inFull = (destination: Destination): Destination => {
      return { ...destination, host: this.#hosts.resolve(destination.host, metadata.namespace) };
    };
    const { route: destinations, mirror, mirrors } = route;
    return {
      ...route,
      ...(destinations === undefined
        ? {}
        : { route: destinations.map((one) => ({ ...one, destination: inFull(one.destination) })) }),
      ...(mirror === undefined ? {} : { mirror: inFull(mirror) }),
      ...(mirrors === undefined
        ? {}
        : { mirrors: mirrors.map((one) => ({ ...one, destination: inFull(one.destination) })) }),
    };
  }
}
