import { describe, expect, it } from 'vitest';
import { captureOf } from './enrolment.ts';
import type { Namespace, Pod, PodSpec } from './objects.ts';

const AMBIENT = { 'istio.io/dataplane-mode': 'ambient' };
const NONE = { 'istio.io/dataplane-mode': 'none' };

function namespace(labels: Record<string, string>): Namespace {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', namespace: '', labels } };
}

function pod(labels: Record<string, string>, change: Partial<PodSpec> = {}, rest: Partial<Pod> = {}): Pod {
  const metadata = { name: 'a', namespace: 'shop', labels };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [], ...change }, ...rest };
}

describe('captureOf', () => {
  it.each([
    ['pod label', pod(AMBIENT), namespace({}), true],
    ['namespace label', pod({}), namespace(AMBIENT), true],
    ['pod opting out', pod(NONE), namespace(AMBIENT), false],
    ['pod against its namespace', pod(AMBIENT), namespace(NONE), true],
    ['no label', pod({}), namespace({}), false],
    ['no namespace', pod({}), undefined, false],
    ['host network', pod(AMBIENT, { hostNetwork: true }), namespace(AMBIENT), false],
    ['ended pod', pod(AMBIENT, {}, { status: { phase: 'Failed' } }), namespace({}), false],
    [
      'sidecar',
      pod({}, {}, { metadata: { name: 'a', namespace: 'shop', annotations: { 'sidecar.istio.io/status': '{}' } } }),
      namespace(AMBIENT),
      false,
    ],
    [
      'excluded namespace',
      pod({}, {}, { metadata: { name: 'a', namespace: 'kube-system', labels: AMBIENT } }),
      undefined,
      false,
    ],
  ])('%s', (_name, thePod, theNamespace, captured) => {
    expect(captureOf(thePod, theNamespace).captured).toBe(captured);
  });
});
