import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { SendBudget } from './send-budget.ts';

async function grantedOf(claims: readonly { granted: Promise<void> }[]): Promise<boolean[]> {
  const granted = claims.map(() => false);
  claims.forEach((claim, index) => void claim.granted.then(() => (granted[index] = true)));
  await setImmediate();
  return granted;
}

describe('SendBudget', () => {
  it('grants in the order of asking and no more than the limit', async () => {
    const budget = new SendBudget(100);
    const claims = [60, 50, 10].map((bytes) => budget.claim(bytes));
    expect(await grantedOf(claims)).toEqual([true, false, false]);
    claims[0]?.release();
    expect(await grantedOf(claims)).toEqual([true, true, true]);
  });

  it('grants more than the limit when nothing else is under way', async () => {
    const budget = new SendBudget(100);
    const claims = [1, 1_000, 1].map((bytes) => budget.claim(bytes));
    expect(await grantedOf(claims)).toEqual([true, false, false]);
    claims[0]?.release();
    expect(await grantedOf(claims)).toEqual([true, true, false]);
    claims[1]?.release();
    expect(await grantedOf(claims)).toEqual([true, true, true]);
  });

  it('lets the next through when one stops waiting, and gives back once only', async () => {
    const budget = new SendBudget(100);
    const claims = [90, 50, 10].map((bytes) => budget.claim(bytes));
    claims[1]?.release();
    claims[1]?.release();
    expect(await grantedOf(claims)).toEqual([true, false, true]);
    claims[0]?.release();
    claims[0]?.release();
    const more = [95, 90].map((bytes) => budget.claim(bytes));
    expect(await grantedOf(more)).toEqual([false, false]);
    claims[2]?.release();
    expect(await grantedOf(more)).toEqual([true, false]);
  });
});
