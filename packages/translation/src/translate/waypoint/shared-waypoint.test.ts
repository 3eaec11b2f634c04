import { describe, expect, it } from 'vitest';
import { service, translated, verdictOn, waypoint } from './test-translation.ts';

const NAMESPACE = '{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: a}}}';

describe('a waypoint of another namespace', () => {
  it.each<[string, string, boolean]>([
    ['that says nothing admits its own namespace alone', '{}', false],
    ['for Same', '{namespaces: {from: Same}}', false],
    ['for All', '{namespaces: {from: All}}', true],
    ['for None', '{namespaces: {from: None}}', false],
    ['for a label that the namespace has', '{namespaces: {from: Selector, selector: {matchLabels: {team: a}}}}', true],
    ['for a label that it has not', '{namespaces: {from: Selector, selector: {matchLabels: {team: b}}}}', false],
    [
      'for its name',
      '{namespaces: {from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: shop}}}}',
      true,
    ],
    [
      'for others by expression',
      '{namespaces: {from: Selector, selector: {matchExpressions: [{key: team, operator: NotIn, values: [a]}]}}}',
      false,
    ],
  ])('%s', (_name, allowedRoutes, isAdmitted) => {
    const { servedServices, conditions, ...rest } = translated([
      NAMESPACE,
      waypoint('mesh', 'w', allowedRoutes),
      service('shop', 'web', 'mesh/w'),
    ]);
    expect([...servedServices.keys()]).toEqual(isAdmitted ? ['mesh/w/shop/web.shop.svc.cluster.local'] : []);
    expect(verdictOn({ servedServices, conditions, ...rest }, 'Service', 'shop/web', 'istio.io/WaypointBound')).toBe(
      isAdmitted ? 'False WaypointIsNotReady' : 'False AttachmentDenied',
    );
  });

  it('serves its own namespace, whatever others it admits but none', () => {
    for (const [from, isAdmitted] of [
      ['Same', true],
      ['All', true],
      ['None', false],
    ] as const) {
      const objects = [waypoint('shop', 'w', `{namespaces: {from: ${from}}}`), service('shop', 'web', 'shop/w')];
      expect(translated(objects).servedServices.size).toBe(isAdmitted ? 1 : 0);
    }
  });

  it('is not looked for in the namespace of the Service', () => {
    const objects = [waypoint('shop', 'w'), service('shop', 'web', 'mesh/w')];
    expect(translated(objects).servedServices.size).toBe(0);
  });
});
