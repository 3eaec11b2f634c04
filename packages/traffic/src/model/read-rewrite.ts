import type { PathRewrite as PathMessage, Rewrite as Message } from '@ambit/proto/waypoint';
import { fullPathProblem, pathPartProblem } from '../filters/path-part.ts';
import { substitutionProblem } from '../filters/substitution.ts';
import { regexProblem } from '../match/regex.ts';
import { authorityProblem } from '../request/authority.ts';
import type { Problems } from './problems.ts';
import type { PathRewrite, Rewrite } from './route-filters.ts';

/** Null for a message that is absent or rewrites nothing. */
export function readRewrite(message: Message | undefined, field: string, problems: Problems): Rewrite | null {
  if (message === undefined) return null;
  const { authority } = message;
  const problem = authority.length === 0 ? undefined : authorityProblem(authority);
  if (problem !== undefined) problems.add(`${field}.authority`, problem);
  const path = readPathRewrite(message.path, `${field}.path`, problems);
  return authority.length === 0 && path === null ? null : { authority, path };
}

export function readPathRewrite(
  message: PathMessage | undefined,
  field: string,
  problems: Problems,
): PathRewrite | null {
  if (message === undefined) return null;
  const { kind } = message;
  switch (kind.case) {
    case 'full':
      note(fullPathProblem(kind.value), `${field}.full`, problems);
      return { kind: 'full', path: kind.value };
    case 'prefix': {
      const { prefix, replacement, bySegment } = kind.value;
      note(pathPartProblem(prefix), `${field}.prefix.prefix`, problems);
      note(pathPartProblem(replacement), `${field}.prefix.replacement`, problems);
      return { kind: 'prefix', prefix, replacement, bySegment };
    }
    case 'regex': {
      const { regex, substitution } = kind.value;
      const problem = regexProblem(regex);
      note(problem, `${field}.regex.regex`, problems);
      if (problem === undefined)
        note(substitutionProblem(regex, substitution), `${field}.regex.substitution`, problems);
      return { kind: 'regex', regex, substitution };
    }
    case undefined:
      problems.add(`${field}.kind`, 'is not set, or of a kind that this version does not know');
      return null;
  }
}

function note(problem: string | undefined, field: string, problems: Problems): void {
  if (problem !== undefined) problems.add(field, problem);
}
