import { expect, it } from 'vitest';
import { parseAddRequest } from './add-request.ts';

const REQUEST = {
  Netns: '/var/run/netns/cni-1',
  PodName: 'web-1',
  PodNamespace: 'shop',
  IPs: [{ Interface: 0, Address: { IP: '10.0.0.5', Mask: '////AA==' }, Gateway: '' }],
};

it('reads what our plugin and that of Istio send', () => {
  expect(parseAddRequest(JSON.stringify(REQUEST))).toEqual({
    netns: '/var/run/netns/cni-1',
    name: 'web-1',
    namespace: 'shop',
    uid: undefined,
    ips: ['10.0.0.5'],
    mustWait: true,
  });
  expect(parseAddRequest(JSON.stringify({ ...REQUEST, PodUID: 'u-1', MustWait: false, IPs: [] }))).toMatchObject({
    uid: 'u-1',
    mustWait: false,
    ips: [],
  });
});

it.each([
  ['no JSON', '{', 'body'],
  ['a list', '[]', 'body'],
  ['no namespace', { Netns: undefined }, 'Netns'],
  ['a relative path', { Netns: 'run/x' }, 'Netns'],
  ['a path as a name', { PodName: '../x' }, 'PodName'],
  ['a name of objects', { PodNamespace: {} }, 'PodNamespace'],
  ['a uid with a quote', { PodUID: 'u"1' }, 'PodUID'],
  ['addresses that are none', { IPs: [{ Address: { IP: '10.0.0' } }] }, 'IPs'],
  ['no addresses', { IPs: 'x' }, 'IPs'],
  ['too many', { IPs: Array.from({ length: 65 }, () => REQUEST.IPs[0]) }, 'IPs'],
])('refuses %s and names the field', (_name, change, field) => {
  const body = typeof change === 'string' ? change : JSON.stringify({ ...REQUEST, ...change });
  expect(() => parseAddRequest(body)).toThrow(`the plugin's request is wrong in ${field}`);
});
