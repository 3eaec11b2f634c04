import { MARK_MASK, REPLY_MARK, REPLY_RULE_PREFERENCE, REPLY_TABLE } from './host-contract.ts';

const MATCH = `fwmark 0x${REPLY_MARK.toString(16)}/0x${MARK_MASK.toString(16)} lookup ${REPLY_TABLE} pref ${REPLY_RULE_PREFERENCE}`;

/**
 * Lines for `ip -batch -` that bring replies to a spoofed source back to the proxy's socket: marked packets take a table
 * whose only route says that every address is local. `add` fails with "File exists" where the rule stands already.
 */
export function podRoutes(family: 'ipv4' | 'ipv6'): string {
  return `route replace local default dev lo table ${REPLY_TABLE}\nrule add ${MATCH}\n`.replace(
    'default',
    everywhere(family),
  );
}

/** The reverse of `podRoutes`; every line fails where there is nothing to delete. */
export function removePodRoutes(family: 'ipv4' | 'ipv6'): string {
  return `rule del ${MATCH}\nroute del local ${everywhere(family)} dev lo table ${REPLY_TABLE}\n`;
}

function everywhere(family: 'ipv4' | 'ipv6'): string {
  return family === 'ipv4' ? '0.0.0.0/0' : '::/0';
}
