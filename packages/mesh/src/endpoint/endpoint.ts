import { type IpAddress, isIpv6 } from '@ambit/core/address';
import { parseSpiffeId, type SpiffeId } from '@ambit/core/spiffe';
import type { Service } from '../service.ts';
import type { Workload } from '../workload.ts';

/** A workload as it serves one port of a service. */
export interface Endpoint {
  readonly workload: Workload;
  /** The port on the workload. */
  readonly port: number;
  /** The identities that may answer: the workload's own and those that the service names. */
  readonly identities: readonly SpiffeId[];
}

const identitiesOf = new WeakMap<Workload, readonly SpiffeId[]>();

/** The identities that may answer at a workload, when it is addressed directly. The same list for the same workload. */
export function workloadIdentities(workload: Workload): readonly SpiffeId[] {
  let identities = identitiesOf.get(workload);
  if (identities === undefined) {
    identities = [workload.identity];
    identitiesOf.set(workload, identities);
  }
  return identities;
}

/** The identities a service names besides those of its workloads; what is no SPIFFE id can prove nothing and is left out. */
export function serviceIdentities(service: Service): SpiffeId[] {
  return service.subjectAltNames.map(parseSpiffeId).filter((identity) => identity !== undefined);
}

/**
 * The address at which a workload is dialled: the one the client asked for if it is one of them; else one of the
 * families of the service, of the same family as was asked for when possible; else the first.
 * Undefined when there is none.
 */
export function chooseAddress(
  workload: Workload,
  asked: IpAddress,
  service: Service | undefined,
): IpAddress | undefined {
  const { addresses } = workload;
  const [first] = addresses;
  if (addresses.length <= 1) return first;
  if (addresses.includes(asked)) return asked;
  const families = service?.ipFamilies ?? 'automatic';
  const sixAsked = isIpv6(asked);
  let fitting: IpAddress | undefined;
  for (const ip of addresses) {
    const six = isIpv6(ip);
    if (families === (six ? 'ipv4' : 'ipv6')) continue;
    if (six === sixAsked) return ip;
    fitting ??= ip;
  }
  return fitting ?? first;
}
