import type { MessageInitShape } from '@bufbuild/protobuf';
import type { StringMatchSchema } from '@ambit/proto/authorization';

export type StringMatchInit = MessageInitShape<typeof StringMatchSchema>;

/**
 * A pattern of a policy: `*` any value that is not empty, `*x` a suffix, `x*` a prefix, else the text itself.
 * Undefined for a wildcard anywhere else, which would never match what its author meant.
 */
export function stringMatchOf(pattern: string): StringMatchInit | undefined {
  if (pattern === '*') return { matchType: { case: 'presence', value: {} } };
  const wildcards = pattern.split('*').length - 1;
  if (wildcards === 0) return { matchType: { case: 'exact', value: pattern } };
  if (wildcards > 1) return undefined;
  if (pattern.startsWith('*')) return { matchType: { case: 'suffix', value: pattern.slice(1) } };
  return pattern.endsWith('*') ? { matchType: { case: 'prefix', value: pattern.slice(0, -1) } } : undefined;
}
