import type { MessageInitShape } from '@bufbuild/protobuf';
import type { MirrorSchema } from '@ambit/proto/waypoint';
import type { Destination, VirtualHttpRoute } from '../../traffic-objects.ts';
import { perMillion } from './virtual-percent.ts';

/** The mirrors of a route that get anything at all. */
export function mirrorsOf(
  route: VirtualHttpRoute,
  clusterOf: (destination: Destination) => string,
): MessageInitShape<typeof MirrorSchema>[] {
  const older = route.mirrorPercent ?? route.mirror_percent;
  const share = route.mirrorPercentage ?? (older === undefined ? undefined : { value: older });
  const single = route.mirror === undefined ? [] : [{ destination: route.mirror, percentage: share }];
  return [...single, ...(route.mirrors ?? [])]
    .map(({ destination, percentage }) => ({ destination, perMillion: perMillion(percentage, 100) }))
    .filter((mirror) => mirror.perMillion > 0)
    .map((mirror) => ({ cluster: clusterOf(mirror.destination), perMillion: mirror.perMillion }));
}
