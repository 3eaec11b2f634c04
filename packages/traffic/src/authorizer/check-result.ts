import { type LocalAnswer, localAnswer } from '../local-answer.ts';
import type { FieldChanges } from './field-changes.ts';

/** What an authorizer says of a request. */
export type CheckResult =
  | {
      readonly kind: 'allowed';
      /** Of the request; undefined: none. */
      readonly request: FieldChanges | undefined;
      /** Of the head of the endpoint's answer; undefined: none. */
      readonly response: FieldChanges | undefined;
    }
  /** The client gets this. */
  | { readonly kind: 'denied'; readonly answer: LocalAnswer }
  /** It did not say, or nothing that could be read. */
  | { readonly kind: 'failed'; readonly reason: string };

export function failed(reason: string): CheckResult {
  return { kind: 'failed', reason };
}

/** What the authorizer says to the client. `fields` without framing. */
export function denial(status: number, fields: readonly string[], content: Buffer): CheckResult {
  const body = content.toString('utf8');
  const others: string[] = [];
  let contentType = 'text/plain';
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [name = '', value = ''] = [fields[at], fields[at + 1]];
    if (name === 'content-type') contentType = value;
    else others.push(name, value);
  }
  const answer = localAnswer(status, 'UAEX', 'ext_authz_denied', body);
  return { kind: 'denied', answer: { ...answer, contentType, fields: others, octets: content } };
}

/** Of one that could not be asked, or gave no answer. */
export function checkFailedAnswer(status: number): LocalAnswer {
  return localAnswer(status, 'UAEX', 'ext_authz_error', '');
}

/** It cannot be asked at all: as the policies' own refusals. */
export const AUTHORIZER_UNAVAILABLE: LocalAnswer = localAnswer(403, 'UAEX', 'ext_authz_error', 'RBAC: access denied');

/** More requests wait for authorizers than may. */
export const TOO_MANY_CHECKS: LocalAnswer = {
  ...localAnswer(503, 'UAEX', 'ext_authz_error', 'too many requests wait for authorization'),
  fields: ['x-ambit-reason', 'AMBIT_AUTHORIZER_BUSY'],
};

/** The authorizer wants to see the content, and not as much of it. */
export const CHECKED_BODY_TOO_LARGE: LocalAnswer = localAnswer(
  413,
  'UAEX',
  'request_payload_too_large',
  'Payload Too Large',
);
