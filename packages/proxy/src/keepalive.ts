import type { Keepalive } from '@ambit/native/socket-option';

/** TCP keepalive of every connection, as Istio's proxies have it by default. */
export const KEEPALIVE: Keepalive = { idle: 180, interval: 180, probes: 9 };
