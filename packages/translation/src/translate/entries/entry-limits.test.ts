import { describe, expect, it } from 'vitest';
import {
  MAX_ALLOCATED_HOSTS_PER_NAMESPACE,
  MAX_ENDPOINT_NAMES_PER_NAMESPACE,
  MAX_ENTRY_ENDPOINT_PORTS,
} from '../../limits.ts';
import type { Translation } from '../../translate.ts';
import { translated, verdictOn } from '../waypoint/test-translation.ts';

function entry(namespace: string, name: string, spec: object, created = '2026-01-01T00:00:00Z'): string {
  return JSON.stringify({
    ...{ apiVersion: 'networking.istio.io/v1', kind: 'ServiceEntry' },
    metadata: { name, namespace, creationTimestamp: created },
    spec: { ports: [{ number: 80, name: 'http' }], ...spec },
  });
}

function hosts(count: number, domain: string): string[] {
  return Array.from({ length: count }, (_, index) => `h${index}.${domain}`);
}

function named(translation: Translation): number {
  return [...translation.addresses.values()].filter(
    ({ type }) => type.case === 'workload' && type.value.hostname !== '',
  ).length;
}

describe('a namespace', () => {
  it('has room for so many names of endpoints, and takes none from others', () => {
    const many = [0, 1, 2].map((index) =>
      entry('greedy', `e${index}`, { hosts: hosts(256, `${index}.example.com`), resolution: 'DNS' }),
    );
    const late = entry('modest', 'late', { hosts: ['modest.example.com'], resolution: 'DNS' }, '2026-02-01T00:00:00Z');
    const translation = translated([...many, late]);
    expect(named(translation)).toBe(MAX_ENDPOINT_NAMES_PER_NAMESPACE + 1);
    expect(verdictOn(translation, 'ServiceEntry', 'greedy/e1', 'ZtunnelAccepted')).toBe('True Accepted');
    const said = translation.conditions.filter(({ name }) => name === 'greedy/e2').map(({ message }) => message);
    expect(said.join()).toContain('256 of its endpoints are left out');
    expect(verdictOn(translation, 'ServiceEntry', 'modest/late', 'ZtunnelAccepted')).toBe('True Accepted');
  });

  it('gets so many addresses, and the oldest hosts have them', () => {
    const selecting = { resolution: 'STATIC', workloadSelector: { labels: { app: 'a' } } };
    const many = Array.from({ length: MAX_ALLOCATED_HOSTS_PER_NAMESPACE / 256 + 1 }, (_, index) =>
      entry(
        'greedy',
        `e${index}`,
        { hosts: hosts(256, `${index}.example.com`), ...selecting },
        `2026-01-01T00:00:${String(index).padStart(2, '0')}Z`,
      ),
    );
    const late = entry('modest', 'late', { hosts: ['modest.example.com'], ...selecting }, '2026-02-01T00:00:00Z');
    const translation = translated([...many, late]);
    expect(verdictOn(translation, 'ServiceEntry', 'greedy/e31', 'ZtunnelAccepted')).toBe('True Accepted');
    expect(verdictOn(translation, 'ServiceEntry', 'greedy/e32', 'ZtunnelAccepted')).toBe('True NoAddress');
    expect(verdictOn(translation, 'ServiceEntry', 'modest/late', 'ZtunnelAccepted')).toBe('True Accepted');
  });

  it('is not asked for more than the pairs of hosts, ports and endpoints that fit', () => {
    const endpoints = (count: number): object[] =>
      Array.from({ length: count }, (_, index) => ({ address: `192.0.${index >> 8}.${index & 255}` }));
    const wide = { hosts: hosts(64, 'example.com'), resolution: 'STATIC' };
    const most = MAX_ENTRY_ENDPOINT_PORTS / 64;
    const translation = translated([
      entry('shop', 'fits', { ...wide, endpoints: endpoints(most) }),
      entry('other', 'too-many', { ...wide, endpoints: endpoints(most + 1) }),
    ]);
    expect(verdictOn(translation, 'ServiceEntry', 'shop/fits', 'ZtunnelAccepted')).toBe('True Accepted');
    expect(verdictOn(translation, 'ServiceEntry', 'other/too-many', 'ZtunnelAccepted')).toBe('False UnsupportedValue');
  });
});

describe('allocated addresses', () => {
  const pairsOf = (objects: readonly string[]): string[] =>
    [...translated(objects).allocatedAddresses.values()].flat().map(({ value, host }) => `${host} ${value}`);
  const many = Array.from({ length: 20 }, (_, index) =>
    entry('shop', `e${index}`, { hosts: hosts(256, `${index}.example.com`), resolution: 'DNS' }),
  );

  it('are each given once, and the same whatever the order', () => {
    const pairs = pairsOf(many);
    expect(new Set(pairs.map((pair) => pair.split(' ')[1])).size).toBe(pairs.length);
    expect(pairsOf([...many].reverse()).sort()).toEqual([...pairs].sort());
  });
});
