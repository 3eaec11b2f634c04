import { describe, expect, it } from 'vitest';
import { hostRules } from './host-rules.ts';
import { type PodRedirection, podRules, podTables, releasedPodRules, removePodRules } from './pod-rules.ts';
import { differences, renderTables } from './ruleset.ts';

const PLAIN: PodRedirection = { dns: true, ipv6: false, bypassInbound: false, virtualInterfaces: [] };

const POD_GOLDEN: [string, PodRedirection][] = [
  ['default', PLAIN],
  ['ipv6', { ...PLAIN, ipv6: true }],
  ['without-dns', { ...PLAIN, dns: false }],
  ['without-dns-ipv6', { ...PLAIN, dns: false, ipv6: true }],
  ['ingress', { ...PLAIN, bypassInbound: true }],
  ['ingress-ipv6', { ...PLAIN, ipv6: true, bypassInbound: true }],
  ['virtual-interfaces', { ...PLAIN, virtualInterfaces: ['k6t-eth0', 'docker0'] }],
  ['ingress-virtual-interfaces-ipv6', { ...PLAIN, ipv6: true, bypassInbound: true, virtualInterfaces: ['k6t-eth0'] }],
];

describe('the rules of a pod', () => {
  it.each(POD_GOLDEN)('%s', async (name, redirection) => {
    await expect(podRules(redirection)).toMatchFileSnapshot(`../golden/pod-${name}.nft`);
  });

  it('released: nothing new is redirected', async () => {
    const text = releasedPodRules({ ...PLAIN, ipv6: true });
    expect(text).not.toContain('redirect to');
    await expect(text).toMatchFileSnapshot('../golden/pod-released-ipv6.nft');
  });

  it('removed', async () => {
    await expect(removePodRules()).toMatchFileSnapshot('../golden/pod-removed.nft');
  });

  it.each(['', 'a'.repeat(16), 'eth0"; accept #', 'a b', 'a/b', '-x'])('refuses %j as a virtual interface', (name) => {
    expect(() => podRules({ ...PLAIN, virtualInterfaces: [name] })).toThrow(/reroute-virtual-interfaces/);
  });
});

describe('the rules of a node', () => {
  it('let kubelet through to enrolled pods', async () => {
    const pods = new Map([
      ['10.244.1.2', 'c0ffee00-0000-4000-8000-000000000001'],
      ['fd00:10:244:1::2', 'c0ffee00-0000-4000-8000-000000000001'],
    ]);
    await expect(hostRules({ kubeletUid: 0, ipv6: true }, pods)).toMatchFileSnapshot('../golden/host-ipv6.nft');
    await expect(hostRules({ kubeletUid: 1000, ipv6: false }, pods)).toMatchFileSnapshot('../golden/host.nft');
  });

  it('takes no uid that could carry rules', () => {
    expect(() => hostRules({ kubeletUid: 0, ipv6: false }, new Map([['10.0.0.1', '" }; flush ruleset']]))).toThrow(
      /uid of a pod/,
    );
  });
});

describe('differences', () => {
  // Our own text has the shape of a listing, hook lines and comments included.
  const tables = podTables(PLAIN);
  const listing = renderTables(tables);

  it('finds none in what was written', () => {
    expect(differences(tables, listing)).toEqual([]);
  });

  it('names what another tool removed, added or moved', () => {
    expect(differences(tables, '')).toContain('table inet istio-ambient-nat is missing');
    const lines = listing.split('\n');
    const outbound = lines.findIndex((line) => line.includes('outbound ip"'));
    expect(differences(tables, lines.toSpliced(outbound, 1).join('\n'))).toEqual([
      'chain istio-output of table inet istio-ambient-nat lacks the rule "outbound ip"',
    ]);
    expect(differences(tables, lines.toSpliced(outbound, 0, 'tcp dport 22 accept').join('\n'))).toEqual([
      'chain istio-output of table inet istio-ambient-nat has the foreign rule "tcp dport 22 accept"',
    ]);
    const moved = lines.toSpliced(outbound, 1).toSpliced(outbound - 1, 0, lines[outbound] ?? '');
    expect(differences(tables, moved.join('\n'))).toEqual([
      'chain istio-output of table inet istio-ambient-nat has its rules in the wrong order',
    ]);
  });
});
