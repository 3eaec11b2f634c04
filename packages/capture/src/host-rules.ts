import { type IpAddress, isIpv6 } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import { NAT_TABLE, PROBE_ADDRESS_V4, PROBE_ADDRESS_V6, PROBE_SET_V4, PROBE_SET_V6 } from './host-contract.ts';
import { dropTable, renderTables, type Rule, type Table } from './ruleset.ts';

/** What the host rules need to know of the node. */
export interface HostRedirection {
  /** The user that kubelet runs as; only its connections wear the probe address. Usually 0. */
  readonly kubeletUid: number;
  readonly ipv6: boolean;
}

/**
 * The table in the node's own namespace that gives kubelet's probes of enrolled pods the probe address, by which the
 * rules inside the pod tell them from other traffic.
 */
export function hostTable({ kubeletUid, ipv6 }: HostRedirection): Table {
  const rule = (family: 'ip' | 'ip6', set: string, address: string): Rule => ({
    match: `meta l4proto tcp meta skuid ${kubeletUid} ${family} daddr @${set}`,
    verdict: `snat ${family} to ${address}`,
    why: `kubelet's ${family} probes of enrolled pods`,
  });
  const rules = [rule('ip', PROBE_SET_V4, PROBE_ADDRESS_V4)];
  const sets = [`set ${PROBE_SET_V4} { type ipv4_addr; }`];
  if (ipv6) {
    rules.push(rule('ip6', PROBE_SET_V6, PROBE_ADDRESS_V6));
    sets.push(`set ${PROBE_SET_V6} { type ipv6_addr; }`);
  }
  return {
    name: NAT_TABLE,
    sets,
    chains: [{ name: 'postrouting', hook: 'type nat hook postrouting priority 100; policy accept;', rules }],
  };
}

/** Text for `nft -f -` of `hostTable` together with the pods that are enrolled (address -> pod uid). */
export function hostRules(host: HostRedirection, enrolled: ReadonlyMap<IpAddress, string> = new Map()): string {
  const elements = [...enrolled].filter(([ip]) => host.ipv6 || !isIpv6(ip));
  return renderTables([hostTable(host)]) + elements.map(([ip, uid]) => addProbeTarget(ip, uid)).join('');
}

export function removeHostRules(): string {
  return dropTable(NAT_TABLE);
}

/** Text for `nft -f -` that lets kubelet's probes of an address through, whoever owned the address before. */
export function addProbeTarget(ip: IpAddress, podUid: string): string {
  if (!/^[A-Za-z0-9._-]{1,128}$/.test(podUid)) {
    throw new AmbitError('AMBIT_CAPTURE_POD_UID', `${JSON.stringify(podUid.slice(0, 128))} is not the uid of a pod`);
  }
  const set = probeSet(ip);
  // The element may be there with the uid of an earlier pod, and adding it again would keep that comment.
  return `add element inet ${set} { ${ip} }\ndelete element inet ${set} { ${ip} }\nadd element inet ${set} { ${ip} comment "${podUid}" }\n`;
}

/** Text for `nft -f -`; the element must be there. Ask `probeTargets` first whether it still belongs to the pod. */
export function removeProbeTarget(ip: IpAddress): string {
  return `delete element inet ${probeSet(ip)} { ${ip} }\n`;
}

/** Address -> pod uid of what `nft list ruleset` says. */
export function probeTargets(listing: string): Map<IpAddress, string> {
  const targets = new Map<IpAddress, string>();
  for (const [, body = ''] of listing.matchAll(/set istio-inpod-probes-v[46] \{([^}]*\{[^}]*\}|[^}]*)/g)) {
    for (const [, ip = '', uid = ''] of body.matchAll(/([0-9a-f.:]+) comment "([^"]*)"/g)) targets.set(ip, uid);
  }
  return targets;
}

function probeSet(ip: IpAddress): string {
  return `${NAT_TABLE} ${isIpv6(ip) ? PROBE_SET_V6 : PROBE_SET_V4}`;
}
