import { describe, expect, it } from 'vitest';
import { decodeApiObject } from './decode.ts';
import { formatProblem } from './manifest/problem.ts';

const metadata = { name: 'a', namespace: 'shop', labels: { app: 'a' } };

function pod(change: object = {}, spec: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { containers: [{ name: 'c', image: 'c' }], ...spec },
    ...change,
  };
}

describe('decodeApiObject', () => {
  it('takes a Pod with fields that are newer than the tables, wherever they stand', () => {
    const newer = pod(
      { status: { podIP: '10.0.0.1', brandNew: { a: [1] } }, alsoNew: 1 },
      { brandNew: true, containers: [{ name: 'c', image: 'c', newer: {} }] },
    );
    const { objects, problems, ignored } = decodeApiObject(newer);
    expect(problems).toEqual([]);
    expect(ignored).toEqual([]);
    expect(objects[0]?.object).toMatchObject({ kind: 'Pod', status: { podIP: '10.0.0.1' } });
    expect(JSON.stringify(objects)).not.toContain('New');
  });

  it('leaves out a value that is newer than the tables, and says so', () => {
    const { objects, problems, ignored } = decodeApiObject(
      pod({}, { restartPolicy: 'Sometimes', containers: [{ name: 'c', imagePullPolicy: 'Rarely' }] }),
    );
    expect(problems).toEqual([]);
    expect(objects[0]?.object).toMatchObject({ spec: { containers: [{ name: 'c' }] } });
    expect(JSON.stringify(objects)).not.toMatch(/Sometimes|Rarely/);
    expect(ignored.map(({ object, reason }) => `${object}: ${reason}`)).toEqual([
      'Pod shop/a: spec.containers[0].imagePullPolicy: "Rarely" is not one of Always, IfNotPresent, Never; read as if it were not written',
      'Pod shop/a: spec.restartPolicy: "Sometimes" is not one of Always, OnFailure, Never; read as if it were not written',
    ]);
  });

  it('never leaves out a label: it would take the object out of a policy', () => {
    const { objects, problems } = decodeApiObject(pod({ metadata: { ...metadata, labels: { app: '***' } } }));
    expect(objects).toEqual([]);
    expect(problems.map(({ path }) => path)).toEqual(['metadata.labels.app']);
  });

  it('takes a list without items as Go writes it', () => {
    const slice = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata, addressType: 'IPv4' };
    const { objects, problems } = decodeApiObject({ ...slice, endpoints: null, ports: null });
    expect(problems).toEqual([]);
    expect(objects[0]?.object).toMatchObject({ endpoints: [] });
  });

  it('refuses an unknown field of the mesh’s own kinds, and names no file', () => {
    const { objects, problems } = decodeApiObject({
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata,
      spec: { ruls: [] },
    });
    expect(objects).toEqual([]);
    expect(problems.map((problem) => formatProblem(problem))).toEqual([
      'AuthorizationPolicy shop/a: spec.ruls: unknown field "ruls" (did you mean rules?)',
    ]);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['text', 'Pod'],
    ['a function', { apiVersion: 'v1', kind: 'Pod', metadata: () => 1 }],
    ['too deep a nest', JSON.parse(`${'['.repeat(5_000)}${']'.repeat(5_000)}`)],
  ])('refuses %s', (_name, value) => {
    const { objects, problems } = decodeApiObject(value);
    expect(objects).toEqual([]);
    expect(problems.length).toBe(1);
  });
});
