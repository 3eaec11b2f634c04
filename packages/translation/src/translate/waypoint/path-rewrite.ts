import type { MessageInitShape } from '@bufbuild/protobuf';
import type { PathRewriteSchema } from '@ambit/proto/waypoint';
import type { PathModifier } from '../../gateway-objects.ts';

export type PathRewriteInit = MessageInitShape<typeof PathRewriteSchema>;

/** `matchedPrefix`: what the rule's one PathPrefix match takes. */
export function readPathModifier(modifier: PathModifier, matchedPrefix: string): PathRewriteInit {
  return modifier.type === 'ReplaceFullPath'
    ? { kind: { case: 'full', value: modifier.replaceFullPath ?? '' } }
    : {
        kind: {
          case: 'prefix',
          value: { prefix: matchedPrefix, replacement: modifier.replacePrefixMatch ?? '', bySegment: true },
        },
      };
}
