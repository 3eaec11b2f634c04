import { ValueMatcher } from '../authorization/value-matcher.ts';
import type { ValuePattern } from '../model/authorization-policy.ts';

/** Whether the name of a field, in lower case, is in a list of an authorizer. */
export type NameTest = (name: string) => boolean;

export function nameTest(patterns: readonly ValuePattern[]): NameTest {
  if (patterns.length === 0) return () => false;
  const matcher = new ValueMatcher(patterns);
  return (name) => matcher.matches(name);
}
