import { expect, it } from 'vitest';
import type { VirtualService } from '../../traffic-objects.ts';
import { type ClientWorkload, SourceWorkloads } from './source-workloads.ts';
import { overLimit } from './virtual-limits.ts';

function virtualService(name: string, spec: VirtualService['spec']): VirtualService {
  return { apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name, namespace: 'shop' }, spec };
}

function matches(count: number): { uri: { exact: string } }[] {
  return Array.from({ length: count }, (_, index) => ({ uri: { exact: `/${index}` } }));
}

function pods(count: number): ClientWorkload[] {
  return Array.from({ length: count }, (_, index) => ({ uid: `p${index}`, namespace: 'shop', labels: { app: 'a' } }));
}

const NO_PODS = new SourceWorkloads([]);

it('refuses more matches than 4096 in one object', () => {
  expect(overLimit(virtualService('web', { http: [{ match: matches(4096) }] }), new Map(), NO_PODS)).toBeUndefined();
  expect(overLimit(virtualService('web', { http: [{ match: matches(4096) }, {}] }), new Map(), NO_PODS)).toBe(
    'its routes and those of its delegates have 4097 matches together, more than 4096',
  );
});

it('refuses what delegation would multiply beyond that, before it is multiplied', () => {
  const inner = virtualService('inner', { http: [{ match: matches(4000) }] });
  const root = virtualService('web', { http: [{ match: matches(4000), delegate: { name: 'inner' } }] });
  expect(overLimit(root, new Map([['shop/inner', inner]]), NO_PODS)).toContain('16000000 matches');
});

it('refuses labels that select more clients than 262144, those of delegates included', () => {
  const sources = new SourceWorkloads(pods(1000));
  const asking = { match: Array.from({ length: 262 }, () => ({ sourceLabels: { app: 'a' } })) };
  expect(overLimit(virtualService('web', { http: [asking] }), new Map(), sources)).toBeUndefined();
  expect(overLimit(virtualService('web', { http: [asking, asking] }), new Map(), sources)).toContain(
    '524000 workloads',
  );
  const inner = virtualService('inner', { http: [{ match: matches(263) }] });
  const root = virtualService('web', {
    http: [{ match: [{ sourceLabels: { app: 'a' } }], delegate: { name: 'inner' } }],
  });
  expect(overLimit(root, new Map([['shop/inner', inner]]), sources)).toContain('263000 workloads');
});
