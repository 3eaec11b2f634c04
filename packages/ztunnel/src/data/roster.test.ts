import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Roster } from './roster.ts';

interface Listed {
  place: number;
}

it('has those members that joined and have not left, in whatever order', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 9 }))), (steps) => {
      const people: Listed[] = Array.from({ length: 10 }, () => ({ place: -1 }));
      const roster = new Roster<'place', Listed>('place');
      const model = new Set<Listed>();
      for (const [joins, index] of steps) {
        const member = people[index];
        if (member === undefined) continue;
        if (joins) {
          roster.add(member);
          model.add(member);
        } else {
          roster.delete(member);
          model.delete(member);
        }
        expect(roster.size).toBe(model.size);
        expect(new Set(roster.list())).toEqual(model);
      }
    }),
  );
});
