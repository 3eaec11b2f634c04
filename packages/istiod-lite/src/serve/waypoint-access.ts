import { CLIENT_CERTIFICATE_TYPE_URL, SERVED_SERVICE_TYPE_URL } from '@ambit/proto/waypoint';
import { valueOf } from '@ambit/translation/labels';
import { GATEWAY_NAME_LABEL } from '@ambit/translation/translate/waypoint/deployed-names';
import type { ClientFacts, Visibility } from '@ambit/xds/client-facts';
import type { PodDirectory } from '../ca/node-authorization.ts';
import type { Caller } from '../ca/caller.ts';

/** The waypoints that are known now. */
export interface WaypointDirectory {
  /** `namespace/serviceAccount` that the pods of a waypoint (`namespace/name`) run as; undefined when there is no such. */
  waypointAccount(waypoint: string): string | undefined;
}

/**
 * The waypoint, `namespace/name`, that a client says it is: by its metadata `WAYPOINT_NAME` and `WAYPOINT_NAMESPACE`
 * (default the caller's), else by the label of its pod. A claim, to be held against the caller's account.
 */
export function claimedWaypoint(node: ClientFacts['node'], caller: Caller, pods: PodDirectory): string | undefined {
  const { WAYPOINT_NAME: name, WAYPOINT_NAMESPACE: namespace } = node.metadata ?? {};
  if (typeof name === 'string' && name !== '') {
    return `${typeof namespace === 'string' && namespace !== '' ? namespace : caller.namespace}/${name}`;
  }
  const pod = pods.pod(`${caller.namespace}/${caller.podName}`);
  const label = valueOf(pod?.metadata.labels, GATEWAY_NAME_LABEL);
  return label === undefined || label === '' ? undefined : `${caller.namespace}/${label}`;
}

/** Everything but what is for waypoints alone. */
export function nodeVisibility(): Visibility {
  const nothing = (): boolean => false;
  return new Map([
    [SERVED_SERVICE_TYPE_URL, nothing],
    [CLIENT_CERTIFICATE_TYPE_URL, nothing],
  ]);
}

/** Everything, and of what is for waypoints only its own. Names of objects hold no slash. */
export function waypointVisibility(waypoint: string): Visibility {
  const own = (name: string): boolean => name.startsWith(`${waypoint}/`);
  return new Map([
    [SERVED_SERVICE_TYPE_URL, own],
    [CLIENT_CERTIFICATE_TYPE_URL, own],
  ]);
}
