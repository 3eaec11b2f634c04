import type { IpAddress, SocketAddress } from '@ambit/core/address';

/** One port of a Service as the nodes serve it. */
export interface ServicePortRule {
  readonly ip: IpAddress;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  /** Ready endpoints; IPv4. */
  readonly endpoints: readonly SocketAddress[];
}

const TABLE = 'ambit-services';

/**
 * Text for `nft -f -` that makes a node serve Service addresses as kube-proxy does: a connection to one goes to a ready
 * endpoint at random, for pods and for the node itself; without any it is refused. Open connections stay where they are.
 */
export function serviceRules(ports: readonly ServicePortRule[]): string {
  const served = ports.filter(({ endpoints }) => endpoints.length > 0);
  const empty = ports.filter(({ endpoints }) => endpoints.length === 0);
  const own = new Set(served.flatMap(({ endpoints }) => endpoints.map(({ ip }) => `${ip} . ${ip}`)));
  const choose = 'ip daddr . meta l4proto . th dport vmap @services';
  const refuse = 'ct state new ip daddr . meta l4proto . th dport @empty-services reject';
  return [
    `add table ip ${TABLE}`,
    `delete table ip ${TABLE}`,
    `table ip ${TABLE} {`,
    ...served.map(
      (port, index) => `  chain service-${index} { meta l4proto ${port.protocol} dnat to ${target(port.endpoints)}; }`,
    ),
    `  map services { type ipv4_addr . inet_proto . inet_service : verdict; ${elements(served.map((port, index) => `${key(port)} : goto service-${index}`))}}`,
    `  set empty-services { type ipv4_addr . inet_proto . inet_service; ${elements(empty.map(key))}}`,
    // A pod that reaches itself through a Service must not see its own address as the source.
    `  set own { type ipv4_addr . ipv4_addr; ${elements([...own])}}`,
    `  chain prerouting { type nat hook prerouting priority dstnat; ${choose}; }`,
    `  chain output { type nat hook output priority -100; ${choose}; }`,
    '  chain postrouting { type nat hook postrouting priority srcnat; ip saddr . ip daddr @own masquerade; }',
    `  chain forward { type filter hook forward priority filter; ${refuse}; }`,
    `  chain local { type filter hook output priority filter; ${refuse}; }`,
    '}',
    '',
  ].join('\n');
}

function key({ ip, protocol, port }: ServicePortRule): string {
  return `${ip} . ${protocol} . ${port}`;
}

function target(endpoints: readonly SocketAddress[]): string {
  const [only] = endpoints;
  if (endpoints.length === 1 && only !== undefined) return `${only.ip}:${only.port}`;
  const choices = endpoints.map(({ ip, port }, index) => `${index} : ${ip} . ${port}`);
  return `numgen random mod ${endpoints.length} map { ${choices.join(', ')} }`;
}

function elements(items: readonly string[]): string {
  return items.length === 0 ? '' : `elements = { ${items.join(', ')} }; `;
}
