import { describe, expect, it } from 'vitest';
import { SessionPersistenceSchema } from '@ambit/proto/waypoint';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Problems } from './problems.ts';
import { readSession } from './read-session.ts';

describe('a session is refused when', () => {
  it.each<[string, MessageInitShape<typeof SessionPersistenceSchema>, string]>([
    ['its cookie has no name', {}, 's.name: "" is not the name of a cookie'],
    ['its cookie ends its field', { name: 'a', path: '/;x' }, 's.path: "/;x" cannot stand in a cookie'],
    ['its cookie never ends', { name: 'a', permanent: true }, 's.permanent: is set without absolute_timeout_s'],
    ['its header is one of framing', { name: 'content-length', inHeader: true }, 's.name: "content-length" belongs'],
    ['its header is none', { name: 'a b', inHeader: true }, 's.name: "a b" is not'],
  ])('%s', (_, init, problem) => {
    const problems = new Problems();
    readSession(create(SessionPersistenceSchema, init), 's', problems);
    expect(problems.list).toEqual([expect.stringContaining(problem)]);
  });
});
