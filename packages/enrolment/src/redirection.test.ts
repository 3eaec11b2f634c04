import { expect, it } from 'vitest';
import { redirectionOf } from './redirection.ts';

const NODE = { dns: true, ipv6: true };
const PLAIN = { dns: true, ipv6: true, bypassInbound: false, virtualInterfaces: [] };

it.each([
  ['nothing', undefined, PLAIN],
  ['no DNS', { 'ambient.istio.io/dns-capture': 'false' }, { ...PLAIN, dns: false }],
  ['as Go writes it', { 'ambient.istio.io/dns-capture': 'F' }, { ...PLAIN, dns: false }],
  ['nonsense', { 'ambient.istio.io/dns-capture': 'no', 'ambient.istio.io/bypass-inbound-capture': 'yes' }, PLAIN],
  ['an ingress', { 'ambient.istio.io/bypass-inbound-capture': 'true' }, { ...PLAIN, bypassInbound: true }],
  ['guests', { 'istio.io/reroute-virtual-interfaces': 'tap0, k6t,' }, { ...PLAIN, virtualInterfaces: ['tap0', 'k6t'] }],
])('%s', (_name, annotations, redirection) => {
  expect(redirectionOf(annotations, NODE)).toEqual(redirection);
});

it('a node without DNS capture leaves it to the pod', () => {
  expect(redirectionOf({ 'ambient.istio.io/dns-capture': 'true' }, { dns: false, ipv6: false })).toMatchObject({
    dns: true,
  });
  expect(redirectionOf({}, { dns: false, ipv6: false })).toMatchObject({ dns: false, ipv6: false });
});
