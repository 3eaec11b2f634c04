import { valueOf } from '../../labels.ts';
import type { Gateway } from '../../gateway-objects.ts';

/** Label of what a Gateway deploys: the Gateway's name. */
export const GATEWAY_NAME_LABEL = 'gateway.networking.k8s.io/gateway-name';

/** Label of what a Gateway deploys: its class. */
export const GATEWAY_CLASS_LABEL = 'gateway.networking.k8s.io/gateway-class-name';

/** Label of what a Gateway deploys: whose controller's it is. */
export const MANAGED_LABEL = 'gateway.istio.io/managed';

/** The classes of Gateways that are waypoints: Istio's, and the same under our name. */
export const WAYPOINT_CLASSES: readonly string[] = ['istio-waypoint', 'ambit-waypoint'];

/** The controller that a GatewayClass of waypoints names. */
export const WAYPOINT_CONTROLLER = 'istio.io/mesh-controller';

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
