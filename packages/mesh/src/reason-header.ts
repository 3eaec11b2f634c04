/** The response header in which a proxy tells its peer why it refused a CONNECT; peers that do not know it ignore it. */
export const REASON_HEADER = 'x-ambit-reason';

/** Why a connection was refused: the code of a decision or refusal, and the policy that decided, if one did. */
export interface RefusalFacts {
  readonly reason: string;
  /** `namespace/name` */
  readonly policy: string | undefined;
  readonly rule: number | undefined;
}

const VALUE = /^([a-z][a-z0-9-]{0,63})(?:; policy=([A-Za-z0-9._/-]{1,320}))?(?:; rule=([0-9]{1,6}))?$/;
const POLICY = /^[A-Za-z0-9._/-]{1,320}$/;

/** The value of the header: `deny-rule; policy=shop/deny-outsiders; rule=0`. A policy name that does not fit is left out. */
export function formatReason({ reason, policy, rule }: RefusalFacts): string {
  const named = policy !== undefined && POLICY.test(policy) ? `; policy=${policy}` : '';
  return reason + named + (rule === undefined ? '' : `; rule=${rule}`);
}

/** Reads the header of a peer; undefined when it is not what `formatReason` writes. */
export function parseReason(value: string): RefusalFacts | undefined {
  const [, reason, policy, rule] = VALUE.exec(value) ?? [];
  return reason === undefined ? undefined : { reason, policy, rule: rule === undefined ? undefined : Number(rule) };
}
