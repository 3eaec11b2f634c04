import { fieldUnder, listUnder } from './api-object.ts';

/** Modes that put no TLS around connections, beside the mesh's own; the default is the first. */
const IN_THE_CLEAR: ReadonlySet<unknown> = new Set(['DISABLE', 'ISTIO_MUTUAL', undefined]);

/** Whether the spec of a DestinationRule has TLS put around connections, anywhere in it, in a mode that is known or not. */
export function asksForTls(spec: unknown): boolean {
  const policies = [spec, ...listUnder(spec, 'subsets')].map((part) => fieldUnder(part, 'trafficPolicy'));
  const places = policies.flatMap((policy) => [policy, ...listUnder(policy, 'portLevelSettings')]);
  return places.some((place) => {
    const tls = fieldUnder(place, 'tls');
    return tls !== undefined && !IN_THE_CLEAR.has(fieldUnder(tls, 'mode'));
  });
}
