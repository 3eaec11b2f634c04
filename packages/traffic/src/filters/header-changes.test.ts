import { describe, expect, it } from 'vitest';
import type { HeaderChanges } from '../model/route-filters.ts';
import { CompiledHeaderChanges } from './header-changes.ts';

const HEAD = [':status', '200', 'x-a', '1', 'x-b', '2', 'x-a', '3', 'content-type', 'text/plain'];

function changed(changes: Partial<HeaderChanges>, head: readonly string[] = HEAD): string[] {
  const copy = [...head];
  new CompiledHeaderChanges({ remove: [], set: [], add: [], ...changes }).apply(copy);
  return copy;
}

const field = (name: string, value: string) => ({ name, value });

describe('header changes', () => {
  it.each<[string, Partial<HeaderChanges>, string[]]>([
    ['remove every field of a name', { remove: ['x-a'] }, [':status', '200', 'x-b', '2', 'content-type', 'text/plain']],
    ['remove nothing that is not there', { remove: ['x-z'] }, HEAD],
    [
      'replace every field of a name',
      { set: [field('x-a', 'new')] },
      [':status', '200', 'x-b', '2', 'content-type', 'text/plain', 'x-a', 'new'],
    ],
    ['set a field that was not there', { set: [field('x-z', 'new')] }, [...HEAD, 'x-z', 'new']],
    ['take the last of two values', { set: [field('x-z', '1'), field('x-z', '2')] }, [...HEAD, 'x-z', '2']],
    ['add beside what is there', { add: [field('x-b', 'more')] }, [...HEAD, 'x-b', 'more']],
    ['add several of a name', { add: [field('x-z', '1'), field('x-z', '2')] }, [...HEAD, 'x-z', '1', 'x-z', '2']],
    [
      'join what may stand once only',
      { add: [field('content-type', 'b')] },
      [':status', '200', 'x-a', '1', 'x-b', '2', 'x-a', '3', 'content-type', 'text/plain,b'],
    ],
    ['add what may stand once only when it is not there', { add: [field('origin', 'o')] }, [...HEAD, 'origin', 'o']],
    [
      'remove first, then set, then add',
      { remove: ['x-a', 'x-b'], set: [field('x-a', 'set')], add: [field('x-a', 'added'), field('x-b', 'added')] },
      [':status', '200', 'content-type', 'text/plain', 'x-a', 'set', 'x-a', 'added', 'x-b', 'added'],
    ],
    ['keep an empty value', { set: [field('x-z', '')] }, [...HEAD, 'x-z', '']],
    ['send text as octets of UTF-8', { set: [field('x-z', 'ü')] }, [...HEAD, 'x-z', '\u00c3\u00bc']],
    ['leave white space around a value out', { set: [field('x-z', ' \ta b\t ')] }, [...HEAD, 'x-z', 'a b']],
  ])('%s', (_case, changes, head) => {
    expect(changed(changes)).toEqual(head);
  });
});
