import { valueOf } from '../../labels.ts';
import type { Gateway } from '../../gateway-objects.ts';

/** Label of what a Gateway deploys: the Gateway's name. */
export const GATEWAY_NAME_LABEL = 'gateway.networking.k8s.io/gateway-name';

/** Label of what a Gateway deploys: its class. */
export const GATEWAY_CLASS_LABEL = 'gateway.networking.k8s.io/gateway-class-name';

/** The class of Gateways that are waypoints. */
export const WAYPOINT_CLASS = 'istio-waypoint';

/** What the objects are called that a waypoint's Gateway deploys; they stand in its namespace. */
export interface DeployedNames {
  /** Of Deployment and Service. Default: the Gateway's name. */
  readonly name: string;
  /** The identity of the waypoint's pods. Default: as the others. */
  readonly serviceAccount: string;
}

/** Names from the Gateway and the annotations `gateway.istio.io/name-override` and `gateway.istio.io/service-account`. */
export function deployedNamesOf({ metadata }: Gateway): DeployedNames {
  const name = nonEmpty(valueOf(metadata.annotations, 'gateway.istio.io/name-override')) ?? metadata.name;
  const account = nonEmpty(valueOf(metadata.annotations, 'gateway.istio.io/service-account'));
  return { name, serviceAccount: account ?? name };
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
