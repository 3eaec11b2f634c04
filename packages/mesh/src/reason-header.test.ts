import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatReason, parseReason } from './reason-header.ts';

describe('the reason header', () => {
  it('carries code, policy and rule to the peer', () => {
    const facts = { reason: 'deny-rule', policy: 'shop/deny-outsiders', rule: 0 };
    expect(formatReason(facts)).toBe('deny-rule; policy=shop/deny-outsiders; rule=0');
    expect(parseReason(formatReason(facts))).toEqual(facts);
    const bare = { reason: 'not-this-pod', policy: undefined, rule: undefined };
    expect(parseReason(formatReason(bare))).toEqual(bare);
  });

  it('does not let a policy name add anything', () => {
    const sent = formatReason({ reason: 'deny-rule', policy: 'shop/x\r\nset-cookie: a', rule: 1 });
    expect(sent).toBe('deny-rule; rule=1');
  });

  it('of a peer is taken whole or not at all', () => {
    for (const value of ['', 'Deny', 'deny-rule;policy=x', 'deny-rule; rule=-1', 'a; policy=b c', 'x'.repeat(65)]) {
      expect(parseReason(value)).toBeUndefined();
    }
    fc.assert(fc.property(fc.string(), (value) => void parseReason(value)));
  });
});
