import type { MessageInitShape } from '@bufbuild/protobuf';
import type { HttpMatchSchema, NamedMatchSchema, StringMatchSchema } from '@ambit/proto/waypoint';
import type { ValueMatch } from '../../gateway-objects.ts';

export type HttpMatchInit = MessageInitShape<typeof HttpMatchSchema>;
export type StringMatchInit = MessageInitShape<typeof StringMatchSchema>;
type NamedMatchInit = MessageInitShape<typeof NamedMatchSchema>;

/** Names and values that must fit. Of several entries with one name, the first counts (Gateway API). */
export function namedMatches(matches: readonly ValueMatch[], nameOf: (name: string) => string): NamedMatchInit[] {
  const first = new Map<string, ValueMatch>();
  for (const match of matches) if (!first.has(nameOf(match.name))) first.set(nameOf(match.name), match);
  return Array.from(first, ([name, { type, value }]): NamedMatchInit => {
    return { name, value: type === 'RegularExpression' ? regex(value) : exact(value) };
  });
}

export function exact(value: string): StringMatchInit {
  return { kind: { case: 'exact', value } };
}

export function regex(value: string): StringMatchInit {
  return { kind: { case: 'regex', value } };
}
