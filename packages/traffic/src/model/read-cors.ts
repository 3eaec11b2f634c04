import type { Cors as Message } from '@ambit/proto/waypoint';
import { tokenProblem } from '../filters/changed-header.ts';
import { MAX_CORS_LIST } from '../limits.ts';
import type { Problems } from './problems.ts';
import { readStringMatch } from './read-match.ts';
import type { Cors } from './route-filters.ts';

export function readCors(message: Message | undefined, field: string, problems: Problems): Cors | null {
  if (message === undefined) return null;
  checkLength(message.allowOrigins, `${field}.allow_origins`, problems);
  return {
    allowOrigins: message.allowOrigins.map((origin, index) =>
      readStringMatch(origin, `${field}.allow_origins[${index}]`, problems),
    ),
    allowMethods: readTokens(message.allowMethods, `${field}.allow_methods`, problems),
    allowHeaders: readTokens(message.allowHeaders, `${field}.allow_headers`, problems),
    exposeHeaders: readTokens(message.exposeHeaders, `${field}.expose_headers`, problems),
    maxAgeSeconds: message.maxAgeSeconds ?? null,
    allowCredentials: message.allowCredentials,
    forwardUnmatchedPreflights: message.forwardUnmatchedPreflights,
  };
}

function readTokens(tokens: readonly string[], field: string, problems: Problems): string[] {
  checkLength(tokens, field, problems);
  for (const [index, token] of tokens.entries()) {
    const problem = tokenProblem(token);
    if (problem !== undefined) problems.add(`${field}[${index}]`, problem);
  }
  return [...tokens];
}

function checkLength(list: readonly unknown[], field: string, problems: Problems): void {
  if (list.length > MAX_CORS_LIST) problems.add(field, `has ${list.length} items, more than ${MAX_CORS_LIST}`);
}
