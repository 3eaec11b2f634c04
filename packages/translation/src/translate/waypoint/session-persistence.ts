import type { SessionPersistenceSchema } from '@ambit/proto/waypoint';
import { hexOf } from '@ambit/traffic/load-balancing/consistent-hash/hash64';
import { xxHash64 } from '@ambit/traffic/load-balancing/consistent-hash/xxhash64';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { SessionPolicy } from '../../gateway-objects.ts';
import { gatewayDurationMs } from '../../schema/durations.ts';

export type SessionInit = MessageInitShape<typeof SessionPersistenceSchema>;

/** The session of a rule. `owner`: what no other rule is called; a session without a name is called after it. */
export function sessionOf(policy: SessionPolicy, owner: string): SessionInit {
  const { sessionName = `session-${hexOf(xxHash64(owner))}`, type = 'Cookie', cookieConfig } = policy;
  const inHeader = type === 'Header';
  return {
    name: inHeader ? sessionName.toLowerCase() : sessionName,
    inHeader,
    path: inHeader ? '' : '/',
    permanent: cookieConfig?.lifetimeType === 'Permanent',
    absoluteTimeoutS: secondsOf(policy.absoluteTimeout),
    idleTimeoutS: secondsOf(policy.idleTimeout),
  };
}

/** What of a session contradicts itself (GEP-1619), with paths. */
export function sessionProblems(policy: SessionPolicy | undefined, path: string): string[] {
  if (policy === undefined) return [];
  const { type, cookieConfig, absoluteTimeout } = policy;
  const isPermanent = cookieConfig?.lifetimeType === 'Permanent';
  return [
    ...(type === 'Header' && cookieConfig !== undefined ? [`${path}.cookieConfig: a header has none`] : []),
    ...(isPermanent && secondsOf(absoluteTimeout) === 0n
      ? [`${path}.cookieConfig.lifetimeType: Permanent needs an absoluteTimeout`]
      : []),
  ];
}

function secondsOf(duration: string | undefined): bigint {
  return BigInt(Math.ceil((gatewayDurationMs(duration ?? '0s') ?? 0) / 1_000));
}
