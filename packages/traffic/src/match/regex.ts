import { messageOf } from '@ambit/core/errors';
import { MAX_REGEX_LENGTH, MAX_REGEX_PROGRAM, REGEX_VERDICTS } from '../limits.ts';
import { re2 } from './re2.ts';

/** Problems by expression, those asked for last at the end: compiling one takes up to two milliseconds. */
const verdicts = new Map<string, string | undefined>();

/** Why an expression cannot be used in a match; undefined when it can. For readers, and for those who write resources. */
export function regexProblem(regex: string): string | undefined {
  if (regex.length > MAX_REGEX_LENGTH) return `has ${regex.length} characters, more than ${MAX_REGEX_LENGTH}`;
  const isKnown = verdicts.has(regex);
  const problem = isKnown ? verdicts.get(regex) : problemOf(regex);
  verdicts.delete(regex);
  verdicts.set(regex, problem);
  if (verdicts.size > REGEX_VERDICTS) verdicts.delete(verdicts.keys().next().value ?? '');
  return problem;
}

function problemOf(regex: string): string | undefined {
  try {
    const size = re2().compile(regex).programSize();
    if (size <= MAX_REGEX_PROGRAM) return undefined;
    return `"${regex}" is too costly: ${size} instructions, more than ${MAX_REGEX_PROGRAM}`;
  } catch (cause) {
    return `"${regex}" is no RE2 expression: ${messageOf(cause)}`;
  }
}
