import type { SocketAddress } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import type { NamespacedProcess } from '@ambit/local/bed/process';
import { requestInside } from '@ambit/local/bed/request-inside';
import { PATH } from '../http-exchange.ts';
import { logSays } from '../run/programs.ts';
import { ask } from './ask.ts';
import { COLLECTOR_PATH, DENIED_PREFIX, PROBE_PREFIX } from './policies.ts';
import type { Tokens } from './tokens.ts';
import type { Evidence } from './waypoint-program.ts';

/** Namespaces of client and waypoint, and where the client finds the Service. */
export interface ProofSite {
  readonly client: number;
  readonly waypoint: number;
  readonly to: SocketAddress;
}

export interface Proven {
  readonly tokens: Tokens;
  readonly waypoint: NamespacedProcess;
  readonly collector: NamespacedProcess;
  readonly evidence: readonly Evidence[];
}

/** What the access logs of both say of a request that policies do not allow. */
const DENIED_LOG = 'rbac_access_denied_matched_policy';

/**
 * Rejects with `AMBIT_BENCH_STAND` unless tokens and policies are enforced, logged and counted, limits are known, and spans
 * reach the collector. To be called after requests enough that one was sampled.
 */
export async function proveFeatures({ client, waypoint, to }: ProofSite, proven: Proven): Promise<void> {
  const { valid, forged } = proven.tokens;
  for (const [path, token, expected] of [
    [PATH, valid, 200],
    [PATH, forged, 401],
    [PATH, undefined, 403],
    [`${DENIED_PREFIX}/x`, valid, 403],
    [PROBE_PREFIX, valid, 403],
  ] as const) {
    const status = await ask(client, to, path, token);
    if (status !== expected) {
      const how = token === undefined ? 'without a token' : token === valid ? 'with its token' : 'with a forged token';
      throw new AmbitError('AMBIT_BENCH_STAND', `${path} ${how} is answered with ${status} instead of ${expected}`);
    }
  }
  await logSays(proven.collector, `report ${COLLECTOR_PATH} `);
  await logSays(proven.waypoint, DENIED_LOG);
  for (const { port, path, shows } of proven.evidence) {
    const text = await requestInside(waypoint, { ip: '127.0.0.1', port }, path);
    for (const pattern of shows) {
      if (!pattern.test(text)) throw new AmbitError('AMBIT_BENCH_STAND', `${path} does not show ${String(pattern)}`);
    }
  }
}
