import type { MessageInitShape } from '@bufbuild/protobuf';
import type { CorsSchema } from '@ambit/proto/waypoint';
import type { CorsFilter } from '../../gateway-objects.ts';
import { exact, regex, type StringMatchInit } from './matches.ts';

export type CorsInit = MessageInitShape<typeof CorsSchema>;

/** Seconds for which a browser may keep an answer, when the filter does not say (Gateway API). */
const DEFAULT_MAX_AGE_SECONDS = 5;

export function readCors(filter: CorsFilter): CorsInit {
  return {
    allowOrigins: (filter.allowOrigins ?? []).map((origin) => readOrigin(origin)),
    allowMethods: [...(filter.allowMethods ?? [])],
    allowHeaders: [...(filter.allowHeaders ?? [])],
    exposeHeaders: [...(filter.exposeHeaders ?? [])],
    maxAgeSeconds: filter.maxAge ?? DEFAULT_MAX_AGE_SECONDS,
    allowCredentials: filter.allowCredentials ?? false,
    forwardUnmatchedPreflights: false,
  };
}

/** As browsers write origins: in lower case, without the port that the scheme implies (RFC 6454 6.2). */
function readOrigin(written: string): StringMatchInit {
  if (written === '*') return exact(written);
  const origin = written.toLowerCase().replace(/^(http:.*):80$|^(https:.*):443$/, '$1$2');
  if (!origin.includes('*')) return exact(origin);
  return regex(origin.replaceAll('.', '\\.').replace('*', '[^/:]+'));
}
