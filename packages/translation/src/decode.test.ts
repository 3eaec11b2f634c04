import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeManifests } from './decode.ts';
import { formatProblem } from './manifest/problem.ts';

describe('decodeManifests', () => {
  it('reads what kubectl reads: YAML 1.1 booleans, octal numbers, anchors, merge keys, lists of objects', () => {
    const { objects, problems } = decodeManifests(
      'a.yaml',
      `
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Pod
    metadata: {name: a, labels: &labels {app: a}}
    spec: &spec
      hostNetwork: on
      containers: [{name: c, image: c}]
      volumes: [{name: v, configMap: {name: v, defaultMode: 0644}}]
  - apiVersion: v1
    kind: Pod
    metadata: {name: b, labels: *labels}
    spec: {<<: *spec, hostNetwork: off}
`,
    );
    expect(problems).toEqual([]);
    expect(objects.map(({ object }) => object)).toMatchObject([
      {
        metadata: { name: 'a', namespace: 'default' },
        spec: { hostNetwork: true, volumes: [{ configMap: { defaultMode: 420 } }] },
      },
      { metadata: { labels: { app: 'a' } }, spec: { hostNetwork: false, containers: [{ name: 'c' }] } },
    ]);
  });

  it('reads JSON, empty documents and a byte order mark', () => {
    const text = '\ufeff{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}';
    expect(decodeManifests('a.json', text).objects).toHaveLength(1);
    expect(decodeManifests('a.yaml', '---\n# nothing\n---\n')).toMatchObject({ objects: [], problems: [] });
    expect(decodeManifests('a.yaml', '')).toMatchObject({ objects: [], problems: [] });
  });

  it('keeps hostile keys as data that touches nothing', () => {
    const text = `
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {constructor: x, toString: y}, annotations: {hasOwnProperty: z}}
spec: {nodeSelector: {__proto__: polluted}, containers: [{name: c, image: c}]}
`;
    const [decoded] = decodeManifests('a.yaml', text).objects;
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(Object.keys(decoded?.object.metadata.labels ?? {})).toEqual(['constructor', 'toString']);
    expect(JSON.stringify(decoded?.object)).toContain('"__proto__":"polluted"');
    expect(Object.getPrototypeOf(decoded?.object.metadata.labels)).toBeNull();
  });

  it('refuses an object with more annotations than a cluster takes, and names it', () => {
    const text = `{apiVersion: v1, kind: Namespace, metadata: {name: big, annotations: {a: "${'x'.repeat(300_000)}"}}}`;
    expect(decodeManifests('a.yaml', text).problems.map(formatProblem)).toEqual([
      'a.yaml:1:70: Namespace big: metadata.annotations: annotations take 300001 bytes, more than the 262144 allowed',
    ]);
  });

  it('refuses 10,000 rules at once and soon', () => {
    const text = `{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: p}, spec: {rules: [${'{},'.repeat(10_000)}]}}`;
    expect(decodeManifests('a.yaml', text).problems.map(({ message }) => message)).toEqual([
      '10000 items are more than the 512 allowed',
    ]);
  });

  it.each([
    ['nested too deeply', '['.repeat(200_000)],
    ['many keys', `{${Array.from({ length: 50_000 }, (_, index) => `k${index}: 1`).join(',')}}`],
    ['an alias of itself', 'a: &a [*a]'],
    ['an alias of nothing', 'a: *b'],
    ['a key that is a list', '{[a]: b}'],
    ['an object too large', `{apiVersion: v1, kind: ConfigMap, data: {a: "${'x'.repeat(1_600_000)}"}}`],
  ])('survives %s', (_name, text) => {
    const before = process.cpuUsage();
    const { problems } = decodeManifests('a.yaml', text);
    // Processor time: the machine may do other work.
    const { user, system } = process.cpuUsage(before);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.length).toBeLessThanOrEqual(50);
    expect((user + system) / 1_000).toBeLessThan(4_000);
  });

  it('never throws, and says one printable line per problem', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc
        .array(
          fc.constantFrom(
            'a',
            ':',
            ' ',
            '\n',
            '-',
            '{',
            '}',
            '[',
            ']',
            '&a',
            '*a',
            '!',
            '|',
            '"',
            "'",
            '#',
            '<<',
            '?',
            '\t',
            '%',
          ),
        )
        .map((parts) => parts.join('')),
      fc
        .object({ key: fc.constantFrom('apiVersion', 'kind', 'metadata', 'name', 'spec', 'v1', 'Pod', '__proto__') })
        .map((value) => JSON.stringify({ apiVersion: 'v1', kind: 'Pod', ...value })),
    );
    fc.assert(
      fc.property(text, (input) => {
        for (const problem of decodeManifests('a.yaml', input).problems) {
          expect(formatProblem(problem)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e]/u);
        }
      }),
      { numRuns: 200 },
    );
  });
});
