import fc from 'fast-check';
import type { AuthorizationPolicy, ValuePattern } from '@ambit/traffic/model/authorization-policy';
import { normalizePath, type PathNormalization } from '@ambit/traffic/request/path';
import { describe, expect, it } from 'vitest';
import { answering, Client, raw } from './test-application.ts';
import { is, policy } from './test-policies.ts';
import { end, start } from './test-start.ts';
import type { TestWaypoint } from './test-waypoint.ts';

type Version = 'HTTP/1.1' | 'HTTP/2';

const MODES: readonly PathNormalization[] = ['none', 'base', 'merge-slashes', 'decode-and-merge-slashes'];

/** Pieces of paths that mean another to somebody. */
const PIECES = [
  ...['/', '/', '/admin', 'admin', 'ADMIN', '/a', '/b', 'x.key', '.', '..', './', '../', '..;', ';a=/admin'],
  ...['%2e', '%2E%2e', '%2F', '%2f', '%5C', '%5c', '\\', '%61', '%41dmin', '%252e', '%25', '%', '%0', '%00', '%zz'],
  ...['#', '#/admin', '?', '?/admin', '%3f', '%23', '%c0%af', '\u00e4', '%C3%A4', '*', ':', '@', '~', '%7E'],
] as const;

const PATTERNS: readonly ValuePattern[] = [
  { kind: 'exact', text: '/a/b' },
  { kind: 'prefix', text: '/admin' },
  { kind: 'suffix', text: '.key' },
];

/** What is forbidden, said again without the code that judges. */
function isForbidden(path: string): boolean {
  return path === '/a/b' || path.startsWith('/admin') || path.endsWith('.key');
}

const FORBIDDING: AuthorizationPolicy = policy('deny', { ...is('path'), values: PATTERNS });

/** What an application makes of a path that cares for what the mode has made of it, and for nothing else. */
const READERS: Readonly<Record<PathNormalization, (path: string) => string>> = {
  none: (path) => path,
  base: (path) => new URL(`http://cart${path}`).pathname,
  'merge-slashes': (path) => new URL(`http://cart${path.replace(/\/{2,}/g, '/')}`).pathname,
  'decode-and-merge-slashes': (path) =>
    new URL(`http://cart${path.replace(/%2f|%5c/gi, '/').replace(/\/{2,}/g, '/')}`).pathname,
};

/** Says which path it got. */
function mirror(version: Version) {
  return answering(version, 200, ({ fields }) => fields[fields.indexOf(':path') + 1] ?? '');
}

interface Told {
  readonly status: number;
  readonly body: string;
}

/** Sends paths as they are: clients of the runtime and of our own would not write some of them. */
function sender(bed: TestWaypoint, version: Version): (path: string) => Told {
  if (version === 'HTTP/1.1') {
    return (path) => {
      const client = raw(bed);
      client.write(`GET ${path} HTTP/1.1\r\nHost: cart\r\nConnection: close\r\n\r\n`);
      bed.loop.until(() => client.ended || client.closed !== undefined);
      const [head = '', body = ''] = client.text.split('\r\n\r\n');
      return { status: Number(/^HTTP\/1.1 ([0-9]{3})/.exec(head)?.[1]), body };
    };
  }
  const client = new Client(bed, 'HTTP/2');
  return (path) => {
    const answer = client.sendFields([':method', 'GET', ':scheme', 'http', ':authority', 'cart', ':path', path]);
    bed.loop.until(() => answer.settled);
    return { status: answer.status, body: answer.body };
  };
}

/** The path of a request without query and fragment, which nobody judges. */
function judgedPart(path: string): string {
  return path.slice(0, /[?#]|$/.exec(path)?.index);
}

describe.each(MODES)('paths with pathNormalization %s', (mode) => {
  it.each(['HTTP/1.1', 'HTTP/2'] as const)('are judged as the backend of %s gets them', (version) => {
    const bed = start({
      protocol: version === 'HTTP/2' ? 'http2' : 'http1',
      pathNormalization: mode,
      endpoints: { 'cart-1': mirror(version) },
      policies: [FORBIDDING],
    });
    const send = sender(bed, version);
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 7 }), (pieces) => {
        // What does not begin so is no target of HTTP/1.
        const path = `${version === 'HTTP/1.1' ? '/' : ''}${pieces.join('')}`;
        const { status, body } = send(path);
        expect([200, 400, 403]).toContain(status);
        const normal = normalizePath(judgedPart(path), mode);
        // It is refused by what it is in normal form, which says whether it can be told at all.
        if (status === 400) return;
        expect('path' in normal).toBe(true);
        if (!('path' in normal)) return;
        expect(status === 403).toBe(isForbidden(normal.path));
        if (status === 403) return;
        const received = judgedPart(body);
        expect(received).toBe(normal.path);
        // Nothing is left in it that the same policy would forbid, however the backend reads it.
        expect(isForbidden(received)).toBe(false);
        expect(READERS[mode](received)).not.toMatch(/^\/admin|^\/a\/b$/);
        // And whoever sends on what came is judged alike.
        const again = send(body);
        expect([again.status, again.body]).toEqual([200, body]);
      }),
      { numRuns: 200 },
    );
    end(bed);
  });
});
