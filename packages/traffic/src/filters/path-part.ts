import { MAX_PATH_LENGTH } from '../limits.ts';
import { escapeBeyondAscii } from '../match/octets.ts';
import { normalizePath } from '../request/path.ts';

/** What ends a path, or would end the request line (RFC 9112 3.2): space, controls, `?` and `#`. */
const NO_PATH = /[^!-"$->@-~\u0080-\uffff]/;

/** Why a text cannot be a part of a path; undefined when it can. The empty text can. */
export function pathPartProblem(text: string): string | undefined {
  if (text.length > MAX_PATH_LENGTH) return `has ${text.length} characters, more than ${MAX_PATH_LENGTH}`;
  if (NO_PATH.test(text)) return `"${text}" has a space, a control character, "?" or "#", which no path has`;
  return undefined;
}

/** Why a text cannot be a whole path; undefined when it can. */
export function fullPathProblem(text: string): string | undefined {
  const problem = pathPartProblem(text);
  if (problem !== undefined) return problem;
  const normal = normalizePath(escapeBeyondAscii(text));
  return 'refusal' in normal ? `"${text}" is no path (${normal.refusal})` : undefined;
}
