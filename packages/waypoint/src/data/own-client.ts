import type { SpiffeId } from '@ambit/core/spiffe';
import { formatBaggage } from '@ambit/hbone/baggage';
import type { Fields } from '@ambit/hbone/tunnel';
import { type Client, createClient } from '@ambit/mesh/client';
import type { MeshStore } from '@ambit/mesh/mesh-store';
import type { Workload } from '@ambit/mesh/workload';
import type { Config } from '../config.ts';

/** The waypoint as a client of endpoints: from its place they are ranked. */
export interface OwnClient {
  /** The same object until the controller says something new of the waypoint's pod. */
  readonly current: () => Client;
  /** What the waypoint says of itself with every tunnel, for the telemetry of the other end. */
  readonly baggage: Fields;
}

export function ownClient(store: MeshStore, identity: SpiffeId, config: Config): OwnClient {
  const { podName, podNamespace, serviceAccount, instanceIp, network, clusterId, nodeName, gatewayName } = config;
  const place = { network, cluster: clusterId, node: nodeName };
  let known: Workload | undefined;
  let client = createClient(identity, [instanceIp], undefined, place);
  return {
    current: () => {
      const workload = store.findOwn(podNamespace, podName, serviceAccount);
      if (workload !== known) {
        known = workload;
        client = createClient(identity, [instanceIp], workload, place);
      }
      return client;
    },
    baggage: [
      'baggage',
      formatBaggage({
        cluster: clusterId,
        namespace: podNamespace,
        workloadType: 'deployment',
        workloadName: gatewayName,
        serviceName: gatewayName,
        serviceVersion: 'latest',
        region: '',
        zone: '',
      }),
    ],
  };
}
