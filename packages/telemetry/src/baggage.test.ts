import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBaggage, parseBaggage } from './baggage.ts';
import { workload } from './test-traffic.ts';

describe('baggage', () => {
  it('tells about a workload as Istio does', () => {
    expect(formatBaggage({ ...workload('cart-1'), workloadType: 'deployment' })).toBe(
      'k8s.cluster.name=Kubernetes,k8s.namespace.name=shop,k8s.deployment.name=cart,' +
        'service.name=cart-app,service.version=v1,cloud.region=r1,cloud.availability_zone=z1',
    );
  });

  it('leaves out what is empty', () => {
    const bare = workload('cart-1', { clusterId: '', canonicalRevision: '', locality: { region: '', zone: '' } });
    expect(formatBaggage({ ...bare, workloadType: 'pod' })).toBe(
      'k8s.namespace.name=shop,k8s.pod.name=cart,service.name=cart-app',
    );
  });

  it('comes back as it was, whatever the values', () => {
    const text = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(text, text, text, (workloadName, canonicalName, zone) => {
        const sent = {
          ...workload('x', { workloadName, canonicalName, locality: { region: '', zone } }),
          workloadType: 'job' as const,
        };
        const header = formatBaggage(sent);
        expect(header).toMatch(/^[\x21-\x7e]*$/);
        const expected = { workloadName, canonicalName, zone, namespace: 'shop', clusterId: 'Kubernetes' };
        expect(parseBaggage(header)).toMatchObject(
          workloadName === '' ? { ...expected, workloadType: 'pod' } : { ...expected, workloadType: 'job' },
        );
      }),
    );
  });

  it('of a peer is read with patience', () => {
    expect(parseBaggage(' k8s.namespace.name = shop ; a=b, =x, junk, service.name=%zz, unknown=1')).toMatchObject({
      namespace: 'shop',
      canonicalName: '%zz',
      workloadName: '',
    });
    expect(parseBaggage(`service.name=a,x=${'y'.repeat(1_000_000)}`)).toMatchObject({ canonicalName: '' });
    fc.assert(fc.property(fc.string(), (header) => void parseBaggage(header)));
  });
});
