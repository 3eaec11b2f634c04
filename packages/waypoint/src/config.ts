import { duration, integer, readEnvironment, text, type Variable } from '@ambit/core/environment';
import { HEAD_TIMEOUT_MS } from './limits.ts';
import { type ProxySettings, proxyVariables } from '@ambit/proxy/proxy-settings';

/** What a waypoint is told by its environment. Durations are milliseconds; addresses and defaults are described by `VARIABLES`. */
export interface Config extends ProxySettings {
  /** The Gateway that this is a replica of; its namespace is that of the pod. */
  readonly gatewayName: string;
  readonly hboneAddress: string;
  readonly drainDelay: number;
  readonly headTimeout: number;
  /** Connections a second. */
  readonly rebalanceRate: number;
  readonly rebalanceDelay: number;
  readonly rebalanceDuration: number;
}

/** Every variable that a waypoint reads. Names and defaults are those of Istio's proxies where they have them. */
export const VARIABLES: { readonly [Key in keyof Config]: Variable<Config[Key]> } = {
  ...proxyVariables('waypoint'),
  gatewayName: text('GATEWAY_NAME', 'waypoint', 'Gateway of which this is a replica, in the namespace of the pod'),
  hboneAddress: text('HBONE_ADDR', '0.0.0.0:15008', 'where tunnels are taken'),
  drainDelay: duration(
    'MINIMUM_DRAIN_DURATION',
    2_000,
    'how long new connections are still taken after SIGTERM: until every peer knows that the pod leaves',
  ),
  rebalanceRate: integer(
    'REBALANCED_CONNECTIONS_PER_SECOND',
    100,
    { min: 0, max: 100_000 },
    'how many clients that keep HTTP connections are asked at most to come again when the Gateway gets more pods; 0: none',
  ),
  rebalanceDelay: duration(
    'REBALANCE_DELAY',
    2_000,
    'how long after that the first is asked, up to twice as long by chance: node proxies have to know the new pods',
  ),
  rebalanceDuration: duration('REBALANCE_DURATION', 10_000, 'over how long they are asked, if the rate allows it'),
  headTimeout: duration('REQUEST_HEAD_TIMEOUT', HEAD_TIMEOUT_MS, 'how long the head of a request may take'),
};

/** The configuration of this process, read once. Throws `AMBIT_CONFIG` naming every variable that is wrong. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  return readEnvironment(VARIABLES, environment);
}
