import type { Service } from '@ambit/mesh/service';
import { NO_LOCALITY, type Workload } from '@ambit/mesh/workload';

const known = new WeakMap<Service, Workload>();

/** What stands for all addresses that a service lets connections through to and nobody is found by. */
export function outsideOf(service: Service): Workload {
  let outside = known.get(service);
  if (outside === undefined) {
    outside = outsideWorkload(service);
    known.set(service, outside);
  }
  return outside;
}

/** Something outside of the mesh that a service lets connections through to: reached by plain TCP, and nobody by name. */
function outsideWorkload({ key, name, namespace }: Service): Workload {
  return {
    uid: `passthrough/${key}`,
    name,
    namespace,
    identity: { trustDomain: '', namespace: '', serviceAccount: '' },
    addresses: [],
    hostname: '',
    network: '',
    protocol: 'tcp',
    node: '',
    clusterId: '',
    locality: NO_LOCALITY,
    canonicalName: name,
    canonicalRevision: 'latest',
    workloadName: name,
    workloadType: 'pod',
    nativeTunnel: false,
    healthy: true,
    hostNetwork: true,
    capacity: 1,
    waypoint: undefined,
    networkGateway: undefined,
    applicationTunnel: undefined,
    authorizationPolicies: [],
    services: new Map(),
    invalid: undefined,
  };
}
