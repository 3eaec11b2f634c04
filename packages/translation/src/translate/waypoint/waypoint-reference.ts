import { valueOf } from '../../labels.ts';
import type { Metadata } from '../../objects.ts';

/** A Gateway by name. */
export interface WaypointReference {
  readonly name: string;
  readonly namespace: string;
}

/** A second waypoint, and the share of connections that it should get. */
export interface CanaryReference extends WaypointReference {
  /** Percent as it is written; absent: 0. */
  readonly weight: string;
}

interface Labelled {
  readonly metadata: Metadata;
}

/** The waypoint that an object's labels name; `none` opts out, undefined says nothing. */
export function waypointReferenceOf(
  object: Labelled | undefined,
  ownNamespace: string = object?.metadata.namespace ?? '',
): 'none' | WaypointReference | undefined {
  return named(object, 'istio.io/use-waypoint', ownNamespace);
}

/** The waypoint that is to get a share of the connections beside the first; undefined: none is asked for. */
export function canaryReferenceOf(
  object: Labelled | undefined,
  ownNamespace: string = object?.metadata.namespace ?? '',
): CanaryReference | undefined {
  const reference = named(object, 'istio.io/use-waypoint-canary', ownNamespace);
  if (reference === undefined || reference === 'none') return undefined;
  return { ...reference, weight: valueOf(object?.metadata.annotations, 'istio.io/use-waypoint-canary-weight') ?? '0' };
}

function named(
  object: Labelled | undefined,
  label: string,
  ownNamespace: string,
): 'none' | WaypointReference | undefined {
  const name = valueOf(object?.metadata.labels, label);
  if (name === undefined || name === '') return undefined;
  if (name === 'none') return 'none';
  return { name, namespace: valueOf(object?.metadata.labels, `${label}-namespace`) ?? ownNamespace };
}
