import { type LocalAnswer, localAnswer } from '../local-answer.ts';
import type { RequestFacts } from '../request/request-facts.ts';
import { TOKEN_FAULTS, type TokenFault } from './token-fault.ts';

/** Characters of the URI that a refusal repeats, as in Envoy. */
const MAX_REALM_LENGTH = 256;

/** What the client of a request is told whose token is refused: as Envoy tells it (RFC 6750 3). Its query is not repeated, which may hold the token. */
export function tokenAnswer(fault: TokenFault, facts: RequestFacts): LocalAnswer {
  const text = TOKEN_FAULTS[fault];
  const status = fault === 'audience' ? 403 : 401;
  const realm = `${facts.scheme}://${facts.authority}${facts.path}`.slice(0, MAX_REALM_LENGTH).replaceAll(/["\\]/g, '');
  const answer = localAnswer(status, '-', `jwt_authn_access_denied{${text.replaceAll(' ', '_')}}`, text);
  return { ...answer, fields: ['www-authenticate', `Bearer realm="${realm}", error="invalid_token"`] };
}
