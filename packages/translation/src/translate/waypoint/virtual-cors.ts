import type { MessageInitShape } from '@bufbuild/protobuf';
import type { CorsSchema } from '@ambit/proto/waypoint';
import { istioDurationMs } from '../../schema/durations.ts';
import type { TextMatch, VirtualCors } from '../../traffic-objects.ts';
import type { StringMatchInit } from './matches.ts';
import { textMatch } from './virtual-match.ts';

/** A CORS policy. `unmatchedPreflights` is FORWARD when nothing is said. */
export function corsOf(policy: VirtualCors): MessageInitShape<typeof CorsSchema> {
  const { allowOrigins, allowOrigin = [], maxAge, unmatchedPreflights } = policy;
  return {
    allowOrigins: (allowOrigins ?? allowOrigin.map((exact) => ({ exact }))).map((origin) => originMatch(origin)),
    allowMethods: [...(policy.allowMethods ?? [])],
    allowHeaders: [...(policy.allowHeaders ?? [])],
    exposeHeaders: [...(policy.exposeHeaders ?? [])],
    ...(maxAge === undefined ? {} : { maxAgeSeconds: Math.floor((istioDurationMs(maxAge) ?? 0) / 1000) }),
    allowCredentials: policy.allowCredentials ?? false,
    forwardUnmatchedPreflights: unmatchedPreflights !== 'IGNORE',
  };
}

/** `*` is every origin, exact and as a prefix (Envoy). */
function originMatch(origin: TextMatch): StringMatchInit {
  return origin.exact === '*' || origin.prefix === '*' ? { kind: { case: 'present', value: true } } : textMatch(origin);
}
