import { readFileSync, readdirSync } from 'node:fs';
import { decodeManifests } from '@ambit/translation/decode';
import { describe, expect, it } from 'vitest';
import { CHECK_MARKER } from './clients/options.ts';
import { checkManifests, movingNamespace } from './manifests.ts';
import { authorizationPolicy, peerAuthentication } from './policies.ts';
import { WRONG } from './wrong-input/manifests.ts';

const SHOP = new URL('../../../../examples/shop/manifests/', import.meta.url);

describe('the marker', () => {
  it('is found in what the shop sends as well', () => {
    const settings = readFileSync(new URL('../src/settings.ts', SHOP), 'utf8');
    expect(/MARKER: string = .*'(.*)'/.exec(settings)?.[1]).toContain(CHECK_MARKER);
  });
});

describe('manifests', () => {
  it.each(readdirSync(SHOP))('of the shop are taken: %s', (name) => {
    const { problems, objects } = decodeManifests(name, readFileSync(new URL(name, SHOP), 'utf8'));
    expect(problems).toEqual([]);
    expect(objects.length).toBeGreaterThan(0);
  });

  it('of the checks are taken', () => {
    const rule = '{from: [{source: {namespaces: ["check-guests"]}}]}';
    for (const text of [
      checkManifests(),
      movingNamespace(true),
      movingNamespace(false),
      peerAuthentication('STRICT'),
      authorizationPolicy('a', 'DENY', rule),
    ]) {
      expect(decodeManifests('check.yaml', text).problems).toEqual([]);
    }
  });

  it.each(WRONG)('of the checks that are wrong are wrong in one way: $what', ({ rule, names }) => {
    const { problems } = decodeManifests('check.yaml', authorizationPolicy('a', 'DENY', rule));
    expect(problems).toHaveLength(1);
    expect(JSON.stringify(problems)).toContain(names);
  });
});
