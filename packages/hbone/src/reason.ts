import { fieldValue } from '@ambit/http/h2/message-fields';
import type { Fields } from './tunnel.ts';

/** Response field of a refused CONNECT that says why; peers that do not know it ignore it. */
const REASON_FIELD = 'x-ambit-reason';

export interface Reason {
  /** `AMBIT_…`. */
  readonly code: string;
  /** `namespace/name` of the policy that decided; undefined when none did. */
  readonly policy: string | undefined;
}

const CODE = /^AMBIT_[A-Z0-9_]{1,64}$/;
/** Names of objects, and with underscores of what controllers make of them. */
const POLICY = /^[a-z0-9._/-]{1,320}$/;

/** The field as name and value. */
export function reasonField(code: string, policy?: string): [name: string, value: string] {
  return [REASON_FIELD, policy !== undefined && POLICY.test(policy) ? `${code} policy=${policy}` : code];
}

/** What a peer said, or undefined: the peer may be anybody, so only the exact shape is believed. */
export function reasonOf(fields: Fields): Reason | undefined {
  const value = fieldValue(fields, REASON_FIELD);
  if (value === undefined || value.length > 512) return undefined;
  const [code = '', second, ...more] = value.split(' ');
  if (!CODE.test(code) || more.length > 0) return undefined;
  if (second === undefined) return { code, policy: undefined };
  const policy = second.startsWith('policy=') ? second.slice('policy='.length) : '';
  return POLICY.test(policy) ? { code, policy } : undefined;
}
