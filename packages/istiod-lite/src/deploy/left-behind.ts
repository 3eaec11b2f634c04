import type { KubeClient } from '@ambit/kube/client';
import type { KubeObject, Resource } from '@ambit/kube/resource';
import type { Gateway } from '@ambit/translation/gateway-objects';
import { GATEWAY_NAME_LABEL } from '@ambit/translation/translate/waypoint/deployed-names';
import { fieldUnder, type RawObject } from '../watch/api-object.ts';
import { isOwned } from './apply-owned.ts';

/** What is known of one kind of object that Gateways become. */
export interface DeployedKind {
  readonly resource: Resource;
  /** The name that the Gateway's object has now. */
  readonly name: string;
  /** All that are known. */
  readonly known: Iterable<KubeObject>;
}

/**
 * Deletes what a Gateway has become under names that it does not have any more. Only what the Gateway owns by its uid, and
 * says so by its label, is touched. Whether something was deleted. Throws `KubeError`.
 */
export async function deleteLeftBehind(
  client: Pick<KubeClient, 'delete'>,
  gateway: Gateway,
  kinds: readonly DeployedKind[],
): Promise<boolean> {
  let deleted = false;
  for (const { resource, name, known } of kinds) {
    const left = [...known].filter(({ metadata }) => metadata.name !== name && isOf(gateway, metadata));
    for (const { metadata } of left) {
      const { uid } = metadata;
      const is = await client.delete(resource, metadata.name, metadata.namespace, uid === undefined ? {} : { uid });
      deleted ||= is;
    }
  }
  return deleted;
}

/** Whether a Deployment runs as it is written, with all its pods, and with no others. */
export function isRolledOut(deployment: RawObject | undefined): boolean {
  if (deployment === undefined) return false;
  const { metadata, spec, status } = deployment;
  const number = (from: unknown, field: string): number => {
    const value = fieldUnder(from, field);
    return typeof value === 'number' ? value : 0;
  };
  const wanted = number(spec, 'replicas');
  return (
    number(status, 'observedGeneration') >= (metadata.generation ?? 0) &&
    number(status, 'replicas') === wanted &&
    number(status, 'updatedReplicas') >= wanted &&
    number(status, 'availableReplicas') >= wanted
  );
}

function isOf({ metadata: { name, namespace, uid } }: Gateway, metadata: KubeObject['metadata']): boolean {
  return (
    uid !== undefined &&
    metadata.namespace === namespace &&
    metadata.deletionTimestamp === undefined &&
    metadata.labels?.[GATEWAY_NAME_LABEL] === name &&
    isOwned({ metadata }, uid)
  );
}
