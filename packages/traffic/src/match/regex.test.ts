import { describe, expect, it } from 'vitest';
import { REGEX_VERDICTS } from '../limits.ts';
import { regexProblem } from './regex.ts';

const COSTLY = 'a{1,1000}';

describe('an expression', () => {
  it.each([
    ['/cart/[0-9]+', undefined],
    ['(', 'is no RE2 expression'],
    [COSTLY, 'is too costly'],
    ['a'.repeat(2_000), 'has 2000 characters'],
  ])('%s is judged the same when it is met again', (regex, problem) => {
    for (let turn = 0; turn < 2; turn++) {
      const found = regexProblem(regex);
      if (problem === undefined) expect(found).toBeUndefined();
      else expect(found).toContain(problem);
    }
  });

  it('is judged also when more than can be remembered came between', () => {
    for (let index = 0; index <= REGEX_VERDICTS; index++) regexProblem(`x${index}`);
    expect(regexProblem(COSTLY)).toContain('is too costly');
    expect(regexProblem('/cart')).toBeUndefined();
  });
});
