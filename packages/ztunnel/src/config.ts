import { flag, integer, readEnvironment, text, type Variable } from '@ambit/core/environment';
import { type ProxySettings, proxyVariables } from '@ambit/proxy/proxy-settings';

/** What a ztunnel is told by its environment. Durations are milliseconds; addresses and defaults are described by `VARIABLES`. */
export interface Config extends ProxySettings {
  readonly zdsSocket: string;
  readonly packetMark: number;
  readonly ipv6: boolean;
  readonly dnsCapture: boolean;
  readonly dnsUpstream: string;
  readonly localhostApplicationTunnel: boolean;
  readonly snapshotDirectory: string;
}

/** Every variable that ztunnel reads. Names and defaults are those of Istio's ztunnel where it has them. */
export const VARIABLES: { readonly [Key in keyof Config]: Variable<Config[Key]> } = {
  ...proxyVariables('ztunnel'),
  zdsSocket: text('INPOD_UDS', '/var/run/ztunnel/ztunnel.sock', 'socket of the node agent'),
  packetMark: integer('PACKET_MARK', 1337, { min: 1, max: 0xfff }, 'mark of every socket opened in a pod'),
  ipv6: flag('IPV6_ENABLED', true, 'listen and answer on IPv6 as well'),
  dnsCapture: flag('ISTIO_META_DNS_CAPTURE', true, 'run the DNS proxy'),
  localhostApplicationTunnel: flag(
    'LOCALHOST_APP_TUNNEL',
    true,
    'reach applications that take tunnelled traffic (sandwiched waypoints) at the loopback address; false: at the address of their pod',
  ),
  snapshotDirectory: text(
    'AMBIT_SNAPSHOT_DIR',
    '',
    'directory on tmpfs that keeps the last state over the end of the pod; empty: none is kept',
  ),
  dnsUpstream: text('DNS_PROXY_ADDR', '', 'resolver to forward to (ip or ip:port); empty: that of /etc/resolv.conf'),
};

/** The configuration of this process, read once. Throws `AMBIT_CONFIG` naming every variable that is wrong. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  return readEnvironment(VARIABLES, environment);
}
