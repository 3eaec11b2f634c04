import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Http2Stream } from '../stream.ts';
import { StreamMap } from './stream-map.ts';

it('finds what is in it and nothing else, whatever comes and goes', () => {
  const ids = fc.array(fc.oneof(fc.nat({ max: 40 }), fc.integer({ min: 0, max: 2 ** 31 - 1 })), { maxLength: 300 });
  fc.assert(
    fc.property(ids, (sequence) => {
      const map = new StreamMap<string>();
      const model = new Map<number, Http2Stream<string>>();
      // An id that comes again leaves.
      for (const id of sequence) {
        if (model.delete(id)) {
          map.delete(id);
        } else {
          const stream = new Http2Stream<string>(id, 0, 0);
          model.set(id, stream);
          map.add(stream);
        }
        expect(map.get(id)).toBe(model.get(id));
      }
      expect(map.size).toBe(model.size);
      for (const [id, stream] of model) expect(map.get(id)).toBe(stream);
      expect(map.values()).toEqual([...model.values()].sort((a, b) => a.id - b.id));
    }),
  );
});

it('deletes nothing when the id is not there', () => {
  const map = new StreamMap<string>();
  map.add(new Http2Stream<string>(1, 0, 0));
  map.delete(3);
  expect(map.size).toBe(1);
});
