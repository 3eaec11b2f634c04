import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { ipFromBytes, ipToBytes } from '@ambit/core/address';
import { parseCidr } from '@ambit/core/cidr';
import {
  IPFamilies,
  LoadBalancing_HealthPolicy,
  LoadBalancing_Mode,
  type NetworkAddressSchema,
  Service_Visibility,
  ServiceSchema,
  type Service as WireService,
} from '@ambit/proto/workload';
import { type EntryHost, passesThrough } from '../mesh-service.ts';
import { loadBalancingOf, type ServiceContext, wirePorts, wireWaypoints } from '../service.ts';

/** A host of a ServiceEntry as node proxies know it. */
export function convertEntryHost(host: EntryHost, context: Omit<ServiceContext, 'settings'>): WireService {
  const { metadata, entry, hostname, addresses, canonical, namespaceOnly } = host;
  const loadBalancing = passesThrough(host)
    ? // Nobody says whether something is there.
      { mode: LoadBalancing_Mode.PASSTHROUGH, healthPolicy: LoadBalancing_HealthPolicy.ALLOW_ALL }
    : loadBalancingOf(host, context.namespace);
  return create(ServiceSchema, {
    name: metadata.name,
    namespace: metadata.namespace,
    hostname,
    addresses: addresses.flatMap((address) => networkAddress(address, context.network)),
    ports: wirePorts(host),
    subjectAltNames: [...(entry.spec.subjectAltNames ?? [])],
    ...wireWaypoints(context),
    ...(loadBalancing === undefined ? {} : { loadBalancing }),
    ipFamilies: IPFamilies.AUTOMATIC,
    canonical,
    visibility: namespaceOnly ? Service_Visibility.NAMESPACE : Service_Visibility.PUBLIC,
  });
}

function networkAddress(text: string, network: string): MessageInitShape<typeof NetworkAddressSchema>[] {
  const cidr = parseCidr(text);
  if (cidr === undefined) return [];
  const ip = ipFromBytes(cidr.bytes);
  if (ip === undefined) return [];
  return [{ network, address: ipToBytes(ip), ...(text.includes('/') ? { length: cidr.prefixLength } : {}) }];
}
