import type { TokenRule as Message } from '@ambit/proto/waypoint';
import type { Message as AnyMessage } from '@bufbuild/protobuf';
import { changedHeaderProblem } from '../filters/changed-header.ts';
import {
  MAX_DEADLINE_MS,
  MAX_JWKS_BYTES,
  MAX_KEY_URI_LENGTH,
  MAX_TOKEN_AUDIENCES,
  MAX_TOKEN_PLACES,
  MAX_TOKEN_RULES,
} from '../limits.ts';
import type { Problems } from './problems.ts';
import type { KeySource, TokenRule } from './token-rule.ts';

/** The rules of a resource. Each must be readable as a whole: a part that was left out would let other tokens pass. */
export function readTokenRules(messages: readonly Message[], field: string, problems: Problems): TokenRule[] {
  if (messages.length > MAX_TOKEN_RULES) {
    problems.add(field, `they are ${messages.length}, more than ${MAX_TOKEN_RULES}`);
  }
  return messages.map((message, index) => readTokenRule(message, `${field}[${index}]`, problems));
}

function readTokenRule(message: Message, field: string, problems: Problems): TokenRule {
  refuseUnknown(message, field, problems);
  const { headers, parameters, cookies, audiences, claimHeaders, payloadHeader, fetchTimeoutMs } = message;
  const places = headers.length + parameters.length + cookies.length;
  if (places === 0) problems.add(field, 'says nowhere where tokens are');
  if (places > MAX_TOKEN_PLACES)
    problems.add(field, `looks for tokens in ${places} places, more than ${MAX_TOKEN_PLACES}`);
  if (audiences.length > MAX_TOKEN_AUDIENCES) {
    problems.add(`${field}.audiences`, `they are ${audiences.length}, more than ${MAX_TOKEN_AUDIENCES}`);
  }
  if (claimHeaders.length > MAX_TOKEN_PLACES) {
    problems.add(`${field}.claim_headers`, `they are ${claimHeaders.length}, more than ${MAX_TOKEN_PLACES}`);
  }
  if (fetchTimeoutMs < 1 || fetchTimeoutMs > MAX_DEADLINE_MS) {
    problems.add(`${field}.fetch_timeout_ms`, `${fetchTimeoutMs} is not from 1 to ${MAX_DEADLINE_MS}`);
  }
  for (const [index, header] of headers.entries()) {
    refuseUnknown(header, `${field}.headers[${index}]`, problems);
    checkHeader(header.name, true, `${field}.headers[${index}].name`, problems);
  }
  for (const [list, names] of [
    ['parameters', parameters],
    ['cookies', cookies],
  ] as const) {
    if (names.includes('')) problems.add(`${field}.${list}`, 'one of them has no name');
  }
  if (payloadHeader !== '') checkHeader(payloadHeader, false, `${field}.payload_header`, problems);
  for (const [index, { header, claim }] of claimHeaders.entries()) {
    checkHeader(header, false, `${field}.claim_headers[${index}].header`, problems);
    if (claim === '') problems.add(`${field}.claim_headers[${index}].claim`, 'is empty');
  }
  return {
    policy: message.policy,
    issuer: message.issuer,
    audiences: [...audiences],
    keys: readKeys(message, field, problems),
    fetchTimeoutMs,
    headers: headers.map(({ name, prefix }) => ({ name, prefix })),
    parameters: [...parameters],
    cookies: [...cookies],
    forwardToken: message.forwardToken,
    payloadHeader,
    claimHeaders: claimHeaders.map(({ header, claim }) => ({ header, claim })),
    spaceDelimitedClaims: [...message.spaceDelimitedClaims],
  };
}

function readKeys({ keys, issuer }: Message, field: string, problems: Problems): KeySource {
  switch (keys.case) {
    case 'jwks': {
      const problem = keySetProblem(keys.value);
      if (problem !== undefined) problems.add(`${field}.jwks`, problem);
      return { kind: 'inline', jwks: keys.value };
    }
    case 'jwksUri': {
      const problem = keyUriProblem(keys.value);
      if (problem !== undefined) problems.add(`${field}.jwks_uri`, problem);
      return { kind: 'uri', uri: keys.value };
    }
    case 'discovery': {
      const problem = keyUriProblem(issuer);
      if (problem !== undefined) problems.add(`${field}.issuer`, `${problem}; so nobody says where its keys are`);
      return { kind: 'discovery', issuer };
    }
    case undefined:
      problems.add(`${field}.keys`, 'are not set, or come in a way that this version does not know');
      return { kind: 'inline', jwks: '{"keys":[]}' };
  }
}

/** Why keys cannot be asked for there; undefined when they can. */
function keyUriProblem(text: string): string | undefined {
  if (text.length > MAX_KEY_URI_LENGTH) return `has ${text.length} characters, more than ${MAX_KEY_URI_LENGTH}`;
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return 'is no URI of http or https';
  return url.username === '' && url.password === '' ? undefined : 'has a user name or password';
}

/** Of a set of keys as text (RFC 7517 5). What stands in single keys is looked at when they are taken. */
function keySetProblem(text: string): string | undefined {
  if (text.length > MAX_JWKS_BYTES) return `has ${text.length} characters, more than ${MAX_JWKS_BYTES}`;
  try {
    const parsed: unknown = JSON.parse(text);
    const isSet = typeof parsed === 'object' && parsed !== null && 'keys' in parsed && Array.isArray(parsed.keys);
    return isSet ? undefined : 'has no list of keys (RFC 7517 5)';
  } catch {
    return 'is no JSON';
  }
}

function checkHeader(name: string, removed: boolean, field: string, problems: Problems): void {
  const problem = changedHeaderProblem(name, removed);
  if (problem !== undefined) problems.add(field, problem);
}

/** A field of a newer controller could be a condition. */
function refuseUnknown({ $unknown }: AnyMessage, field: string, problems: Problems): void {
  if ($unknown !== undefined && $unknown.length > 0) {
    problems.add(field, 'has a field that is not known; is the controller newer than this waypoint?');
  }
}
