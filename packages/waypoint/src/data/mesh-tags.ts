import type { Workload } from '@ambit/mesh/workload';
import type { ServedClient } from './served-connection.ts';
import type { ChosenEndpoint } from './upstreams.ts';

/** Tags of a span that say who the client and the endpoint are. Those of the endpoint have Istio's names as well. */
export function meshTags(client: ServedClient, chosen: ChosenEndpoint | undefined): (string | undefined)[] {
  const destination = chosen?.slot.endpoint.workload;
  return [
    ...['istio.source_principal', client.principal],
    ...workloadTags('istio.source', client.workload),
    ...workloadTags('istio.destination', destination),
    ...['istio.cluster_id', destination?.clusterId],
    ...['istio.namespace', destination?.namespace],
    ...['istio.canonical_service', destination?.canonicalName],
    ...['istio.canonical_revision', destination?.canonicalRevision],
  ];
}

function workloadTags(prefix: string, workload: Workload | undefined): (string | undefined)[] {
  return [`${prefix}_workload`, workload?.workloadName, `${prefix}_namespace`, workload?.namespace];
}
