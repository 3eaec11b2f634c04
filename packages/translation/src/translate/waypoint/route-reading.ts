import type { RouteObject, TcpRoute, TlsRoute } from '../../gateway-objects.ts';
import type { Backend, ReferenceProblem } from './backends.ts';
import type { RuleContext } from './read-rule.ts';
import type { RouteRule } from './route-rule.ts';

/** What a route object says at one Service. */
export type RouteReading = (
  | { readonly what: 'requests'; readonly rules: readonly RouteRule[] }
  /** Shares of connections whose bytes are not looked at. */
  | { readonly what: 'connections'; readonly backends: readonly Backend[] }
) & {
  readonly references: readonly ReferenceProblem[];
  /** What is written and has no function. */
  readonly remarks: readonly string[];
};

/** Whether nothing of a route can be honoured. */
export function isInvalid(reading: RouteReading): boolean {
  return (
    reading.what === 'requests' &&
    reading.rules.length > 0 &&
    reading.rules.every(({ problems }) => problems.length > 0)
  );
}

export function requestReading(
  route: RouteObject,
  rules: readonly { readonly rule: RouteRule; readonly references: readonly ReferenceProblem[] }[],
): RouteReading {
  return {
    what: 'requests',
    rules: rules.map(({ rule }) => rule),
    references: rules.flatMap(({ references }) => references),
    remarks: remarksOn(route),
  };
}

/** Reads a TCPRoute, or a TLSRoute, which is the same here: names that clients ask for (SNI) are not looked at. */
export function readConnectionRoute(route: TcpRoute | TlsRoute, { parent, resolver }: RuleContext): RouteReading {
  const resolved = route.spec.rules
    .flatMap(({ backendRefs }) => backendRefs)
    .map((reference) => resolver.resolve(reference, route, parent));
  return {
    what: 'connections',
    backends: resolved.map(({ backend }) => backend),
    references: resolved.flatMap(({ problem }) => problem ?? []),
    remarks: remarksOn(route),
  };
}

function remarksOn({ spec }: RouteObject): string[] {
  return [
    ...((spec.hostnames ?? []).length > 0 ? ['hostnames have no function on a Service'] : []),
    ...(spec.useDefaultGateways === undefined
      ? []
      : ['useDefaultGateways has no function: no Gateway is a default one']),
  ];
}
