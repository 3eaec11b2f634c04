import { AmbitError } from '@ambit/core/errors';
import {
  DNS_CONNTRACK_ZONE,
  DNS_PORT,
  INBOUND_HBONE_PORT,
  INBOUND_PLAINTEXT_PORT,
  MANGLE_TABLE,
  MARK_MASK,
  NAT_TABLE,
  OUTBOUND_PORT,
  PROBE_ADDRESS_V4,
  PROBE_ADDRESS_V6,
  PROXY_MARK,
  RAW_TABLE,
  REPLY_MARK,
} from './host-contract.ts';
import { type Chain, dropTable, type Rule, renderTables, type Table } from './ruleset.ts';

/** What of a pod's traffic is redirected to the proxy. */
export interface PodRedirection {
  /** Redirect port 53 (`ambient.istio.io/dns-capture`; Istio's default is true). */
  readonly dns: boolean;
  /** Write the IPv6 rules too. False where the pod's loopback has IPv6 disabled. */
  readonly ipv6: boolean;
  /** Leave plaintext that comes in alone (`ambient.istio.io/bypass-inbound-capture`, for ingress gateways). */
  readonly bypassInbound: boolean;
  /** Interfaces whose incoming TCP is a guest's outbound traffic (`istio.io/reroute-virtual-interfaces`). */
  readonly virtualInterfaces: readonly string[];
}

interface Family {
  readonly match: 'ip' | 'ip6';
  readonly loopback: string;
  readonly probe: string;
}

const IPV4: Family = { match: 'ip', loopback: '127.0.0.1', probe: PROBE_ADDRESS_V4 };
const IPV6: Family = { match: 'ip6', loopback: '::1', probe: PROBE_ADDRESS_V6 };

const NOT_PROXY = `meta mark & ${hex(MARK_MASK)} != ${hex(PROXY_MARK)}`;
const FROM_PROXY = `meta mark & ${hex(MARK_MASK)} == ${hex(PROXY_MARK)}`;

// Conntrack starts with the rules and takes a packet of an open connection for a new one; redirecting it would break it.
const FIRST_SYN: Rule = {
  match: 'tcp flags & (fin | syn | rst | ack) != syn',
  verdict: 'accept',
  why: 'connections that were open before the rules stay as they are',
};

/** The tables of an enrolled pod. Throws `AMBIT_CAPTURE_INTERFACE` for an impossible interface name. */
export function podTables(redirection: PodRedirection): Table[] {
  return [natTable(natPrerouting(redirection), natOutput(redirection)), mangleTable(), ...rawTable(redirection)];
}

/**
 * The tables of a pod that leaves the mesh while redirected connections are still open: nothing new is redirected, but
 * the nat hooks stay, because without them the kernel stops translating the open ones, and so do the marks, because the
 * proxy's connections towards the application need them. Remove them when those connections have ended.
 */
export function releasedPodTables(redirection: PodRedirection): Table[] {
  return [natTable([], []), mangleTable(), ...rawTable(redirection)];
}

/** Text for `nft -f -` of `podTables`: replaces what was there in one transaction. */
export function podRules(redirection: PodRedirection): string {
  return renderTables(podTables(redirection)) + dropUnusedRaw(redirection);
}

/** Text for `nft -f -` of `releasedPodTables`. */
export function releasedPodRules(redirection: PodRedirection): string {
  return renderTables(releasedPodTables(redirection)) + dropUnusedRaw(redirection);
}

/** Text for `nft -f -` that takes every table away; harmless where there are none. */
export function removePodRules(): string {
  return dropTable(NAT_TABLE) + dropTable(MANGLE_TABLE) + dropTable(RAW_TABLE);
}

function dropUnusedRaw({ dns }: PodRedirection): string {
  return dns ? '' : dropTable(RAW_TABLE);
}

function natTable(prerouting: readonly Rule[], output: readonly Rule[]): Table {
  const base = (name: string, rules: readonly Rule[]): Chain[] => [
    { name, hook: `type nat hook ${name} priority -100; policy accept;`, rules: [FIRST_SYN], jump: `istio-${name}` },
    { name: `istio-${name}`, rules },
  ];
  // A chain must stand before the one that jumps to it.
  return {
    name: NAT_TABLE,
    chains: [...base('prerouting', prerouting).toReversed(), ...base('output', output).toReversed()],
  };
}

function natPrerouting(redirection: PodRedirection): Rule[] {
  const rules: Rule[] = [];
  for (const name of redirection.virtualInterfaces) {
    const from = `iifname "${interfaceName(name)}" meta l4proto tcp`;
    rules.push({
      match: from,
      verdict: `redirect to :${OUTBOUND_PORT}`,
      why: `outbound traffic of the guest behind ${name}`,
    });
  }
  if (redirection.bypassInbound) return rules;
  for (const { match, probe } of families(redirection)) {
    rules.push({
      match: `meta l4proto tcp ${match} saddr ${probe}`,
      verdict: 'accept',
      why: `kubelet's ${match} probes reach the application`,
    });
  }
  for (const { match, loopback } of families(redirection)) {
    rules.push({
      match: `${match} daddr != ${loopback} tcp dport != ${INBOUND_HBONE_PORT} ${NOT_PROXY}`,
      verdict: `redirect to :${INBOUND_PLAINTEXT_PORT}`,
      why: `inbound ${match} plaintext`,
    });
  }
  return rules;
}

function natOutput(redirection: PodRedirection): Rule[] {
  const each = families(redirection);
  const rules: Rule[] = [];
  for (const { match, probe } of each) {
    rules.push({
      match: `meta l4proto tcp ${match} daddr ${probe}`,
      verdict: 'accept',
      why: `replies to kubelet over ${match}`,
    });
  }
  if (redirection.dns) {
    // One rule serves both families; without IPv6 it is narrowed to the other.
    const only = redirection.ipv6 ? '' : 'meta nfproto ipv4 ';
    rules.push({
      match: `${only}oifname != "lo" udp dport 53 ${NOT_PROXY}`,
      verdict: `redirect to :${DNS_PORT}`,
      why: 'DNS over UDP',
    });
    for (const { match, loopback } of each) {
      rules.push({
        match: `${match} daddr != ${loopback} tcp dport 53 ${NOT_PROXY}`,
        verdict: `redirect to :${DNS_PORT}`,
        why: `DNS over TCP and ${match}`,
      });
    }
  }
  rules.push({
    match: `meta l4proto tcp meta mark & ${hex(MARK_MASK)} == ${hex(REPLY_MARK)}`,
    verdict: 'accept',
    why: 'replies of the application to the proxy',
  });
  for (const { match, loopback } of each) {
    rules.push({
      match: `oifname "lo" ${match} daddr != ${loopback}`,
      verdict: 'accept',
      why: `the pod talks to its own ${match} address`,
    });
  }
  for (const { match, loopback } of each) {
    rules.push({
      match: `meta l4proto tcp ${match} daddr != ${loopback} ${NOT_PROXY}`,
      verdict: `redirect to :${OUTBOUND_PORT}`,
      why: `outbound ${match}`,
    });
  }
  return rules;
}

function mangleTable(): Table {
  const remember: Rule = {
    match: FROM_PROXY,
    verdict: `ct mark set ct mark & ${hex(~MARK_MASK >>> 0)} | ${hex(REPLY_MARK)}`,
    why: 'remember connections that the proxy opened towards the application',
  };
  const restore: Rule = {
    match: `ct mark & ${hex(MARK_MASK)} == ${hex(REPLY_MARK)}`,
    verdict: 'meta mark set ct mark',
    why: 'send the replies of the application back to the proxy',
  };
  return {
    name: MANGLE_TABLE,
    chains: [
      { name: 'prerouting', hook: 'type filter hook prerouting priority -150; policy accept;', rules: [remember] },
      // Type route: a changed mark makes the kernel look for the route again.
      { name: 'output', hook: 'type route hook output priority -150; policy accept;', rules: [restore] },
    ],
  };
}

function rawTable({ dns, ipv6 }: PodRedirection): Table[] {
  if (!dns) return [];
  const only = ipv6 ? '' : 'meta nfproto ipv4 ';
  const verdict = `ct zone set ${DNS_CONNTRACK_ZONE}`;
  return [
    {
      name: RAW_TABLE,
      chains: [
        {
          name: 'output',
          hook: 'type filter hook output priority -300; policy accept;',
          rules: [
            {
              match: `${only}udp dport 53 ${FROM_PROXY}`,
              verdict,
              why: 'queries of the proxy share no port with redirected ones',
            },
          ],
        },
        {
          name: 'prerouting',
          hook: 'type filter hook prerouting priority -300; policy accept;',
          rules: [{ match: `${only}udp sport 53 ${NOT_PROXY}`, verdict, why: 'answers to queries of the proxy' }],
        },
      ],
    },
  ];
}

function families({ ipv6 }: PodRedirection): Family[] {
  return ipv6 ? [IPV4, IPV6] : [IPV4];
}

/** A name that the kernel takes for an interface: 1 to 15 bytes, no slash or white space; nothing that nft would read as syntax. */
function interfaceName(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_.@:-]{0,14}$/.test(name)) return name;
  throw new AmbitError(
    'AMBIT_CAPTURE_INTERFACE',
    `istio.io/reroute-virtual-interfaces: ${JSON.stringify(name.slice(0, 64))} is not the name of a network interface (1 to 15 letters, digits, "_.@:-")`,
    { source: 'configuration' },
  );
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
