import type { PathNormalization } from '../request/path.ts';
import { RequestFacts } from '../request/request-facts.ts';
import type { Authentication } from './compiled-authentication.ts';

/** The facts of a request whose tokens are good: what policies, routes and backends see of it. */
export function authenticatedFacts(
  sent: RequestFacts,
  { token, fields }: Extract<Authentication, { readonly kind: 'passed' }>,
  dialled: string,
  how: PathNormalization,
): RequestFacts {
  if (fields === sent.fields) {
    sent.token = token;
    return sent;
  }
  const facts = RequestFacts.read(fields, dialled, how);
  // Its path is the one that was read before, but for the query.
  if (typeof facts === 'string') throw new RangeError(`a path without its token is refused: ${facts}`);
  facts.token = token;
  return facts;
}
