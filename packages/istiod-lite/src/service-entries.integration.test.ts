import { describe, expect, it } from 'vitest';
import { controlPlaneOfEachTest } from './test-control-plane.ts';
import { eventually } from './test-controller.ts';

const ENTRIES = '/apis/networking.istio.io/v1/serviceentries';
const PORTS = [{ number: 443, name: 'https', protocol: 'HTTPS' }];
const WAIT = { timeout: 10_000 };

interface Status {
  readonly addresses?: readonly { readonly value: string; readonly host: string }[];
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
}

const plane = controlPlaneOfEachTest();

function putEntry(name: string, spec: object, further: object = {}): void {
  plane.kubernetes.put(ENTRIES, { metadata: { name, namespace: 'shop' }, spec: { ports: PORTS, ...spec }, ...further });
}

function statusOf(name: string): Status | undefined {
  return plane.kubernetes.get(ENTRIES, `shop/${name}`)?.['status'] as Status | undefined;
}

describe('a ServiceEntry without address', () => {
  it('gets a pair that its status keeps, and that stands still', async () => {
    putEntry('api', { hosts: ['api.example.com'], resolution: 'DNS' });
    await plane.controller.start();
    const { addresses = [] } = await eventually(() => {
      const status = statusOf('api');
      return status?.addresses === undefined ? undefined : status;
    }, 'its addresses');
    expect(addresses.map(({ host }) => host)).toEqual(['api.example.com', 'api.example.com']);
    expect(addresses[0]?.value).toMatch(/^240\.240\./);
    expect(addresses[1]?.value).toMatch(/^2001:2::/);
    // Others come, and what was written is read back: nothing moves, and nothing is written again.
    putEntry('another', { hosts: ['another.example.com'], resolution: 'DNS' });
    await expect.poll(() => statusOf('another')?.addresses?.length, WAIT).toBe(2);
    const version = plane.kubernetes.get(ENTRIES, 'shop/api')?.metadata['resourceVersion'];
    putEntry('third', { hosts: ['third.example.com'], resolution: 'DNS' });
    await expect.poll(() => statusOf('third')?.addresses?.length, WAIT).toBe(2);
    expect(statusOf('api')?.addresses).toEqual(addresses);
    expect(plane.kubernetes.get(ENTRIES, 'shop/api')?.metadata['resourceVersion']).toBe(version);
  }, 40_000);

  it('keeps the pair that a controller before has given it', async () => {
    const addresses = [
      { value: '240.240.9.9', host: 'api.example.com' },
      { value: '2001:2::909', host: 'api.example.com' },
    ];
    const status = { addresses: ['nonsense', ...addresses, { host: 7 }] };
    putEntry('api', { hosts: ['api.example.com'], resolution: 'DNS' }, { status });
    await plane.controller.start();
    await eventually(() => statusOf('api')?.conditions, 'its condition');
    expect(statusOf('api')).toMatchObject({
      addresses,
      conditions: [{ type: 'ZtunnelAccepted', status: 'True', reason: 'Accepted' }],
    });
    const { text } = await plane.controller.page('/debug/resources');
    expect(text).toContain('api.example.com');
  }, 40_000);

  it('loses it when it has one of its own, or cannot be honoured any more', async () => {
    putEntry('api', { hosts: ['api.example.com'], resolution: 'DNS' });
    await plane.controller.start();
    await expect.poll(() => statusOf('api')?.addresses?.length, WAIT).toBe(2);
    putEntry('api', { hosts: ['api.example.com'], resolution: 'DNS', addresses: ['203.0.113.1'] });
    await expect.poll(() => statusOf('api')?.addresses, WAIT).toEqual([]);
    putEntry('api', { hosts: ['*.example.com'], resolution: 'DYNAMIC_DNS' });
    await expect
      .poll(() => statusOf('api')?.conditions, WAIT)
      .toMatchObject([{ type: 'ZtunnelAccepted', status: 'False', reason: 'UnsupportedValue' }]);
  }, 40_000);
});
