import { describe, expect, it } from 'vitest';
import type { RawObject } from '../watch/api-object.ts';
import { NOT_HONOURED_KINDS } from '../watch/not-honoured-kinds.ts';
import type { NotHonouredObject } from '../watch/not-honoured-objects.ts';
import { type NotHonouredWord, notHonouredWords } from './not-honoured-statuses.ts';
import { statusBody } from './status-body.ts';
import { snapshotOf } from './test-snapshot.ts';

const NOW = Date.UTC(2026, 0, 31, 10);
const SNAPSHOT = snapshotOf(`
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: door, namespace: shop},
 spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop, labels: {istio.io/use-waypoint: door}}, spec: {clusterIP: 10.96.0.1, ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: theirs, labels: {istio.io/rev: blue}}}
`);

function subject(
  kind: string,
  spec: object = {},
  further: Partial<RawObject> = {},
  namespace = 'shop',
): NotHonouredObject {
  const row = NOT_HONOURED_KINDS.find((candidate) => candidate.kind === kind);
  if (row === undefined) throw new Error(`no row of ${kind}`);
  const metadata = { name: 'it', namespace, generation: 4 };
  return { kind: row, name: `${namespace}/it`, object: { apiVersion: 'v1', kind, metadata, spec, ...further } };
}

function wordOf(object: NotHonouredObject): NotHonouredWord | undefined {
  return notHonouredWords([object], SNAPSHOT, 'default')[0];
}

function written(object: NotHonouredObject): unknown {
  const word = wordOf(object);
  return word === undefined ? undefined : statusBody(word.status, object.object, NOW);
}

describe('objects that nobody acts on', () => {
  it('are named with the reason and get a condition, whatever kind of Istio they are', () => {
    for (const { kind, scopedBy } of NOT_HONOURED_KINDS) {
      if (scopedBy !== undefined) continue;
      const object = subject(kind);
      expect(wordOf(object)?.line).toMatch(new RegExp(`^${kind}.* shop/it: .+`));
      expect(written(object)).toMatchObject({
        status: { conditions: [{ type: 'Accepted', status: 'False', reason: 'NotHonoured', observedGeneration: 4 }] },
        locked: true,
      });
    }
  });

  it('keep what others have written there, and are not written again', () => {
    const others = { type: 'Reconciled', status: 'True' };
    const body = written(subject('WorkloadGroup', {}, { status: { conditions: [others] } })) as { status: object };
    expect(body).toMatchObject({ status: { conditions: [others, { type: 'Accepted' }] } });
    expect(written(subject('WorkloadGroup', {}, { status: body.status }))).toBeUndefined();
  });

  it('of other control planes are theirs, by their own label or that of their namespace', () => {
    const labelled = { metadata: { name: 'it', namespace: 'shop', labels: { 'istio.io/rev': 'blue' } } };
    expect(wordOf(subject('EnvoyFilter', {}, labelled))).toBeUndefined();
    expect(wordOf(subject('EnvoyFilter', {}, {}, 'theirs'))).toBeUndefined();
    const own = { metadata: { name: 'it', namespace: 'theirs', labels: { 'istio.io/rev': 'default' } } };
    expect(wordOf(subject('EnvoyFilter', {}, own, 'theirs'))).toBeDefined();
  });

  it('lose the condition when they become those of others', () => {
    const { status } = written(subject('Sidecar')) as { status: object };
    expect(written(subject('Sidecar', {}, { status }, 'theirs'))).toMatchObject({ status: { conditions: [] } });
  });

  it('that are routes are told at the parents that are Services or waypoints, and at no others', () => {
    const web = { group: '', kind: 'Service', name: 'web' };
    const route = subject('UDPRoute', { parentRefs: [web, { name: 'door' }, { name: 'ingress' }, web] });
    expect(wordOf(route)?.line).toMatch(/^UDPRoute shop\/it on Service web, on Gateway door: /);
    const conditions = [{ type: 'Accepted', status: 'False', reason: 'UnsupportedValue' }];
    const controllerName = 'istio.io/mesh-controller';
    expect(written(route)).toMatchObject({
      status: {
        parents: [
          { parentRef: web, controllerName, conditions },
          { parentRef: { name: 'door' }, controllerName, conditions },
        ],
      },
    });
    expect(wordOf(subject('UDPRoute', { parentRefs: [{ name: 'ingress' }] }))).toBeUndefined();
    expect(wordOf(subject('UDPRoute', { parentRefs: 'nonsense' }))).toBeUndefined();
  });

  it('that are listeners are told when their Gateway is a waypoint', () => {
    const pending = { conditions: [{ type: 'Accepted', status: 'Unknown', reason: 'Pending', message: 'Waiting' }] };
    const set = subject('ListenerSet', { parentRef: { name: 'door' } }, { status: pending });
    expect(written(set)).toMatchObject({
      status: { conditions: [{ type: 'Accepted', status: 'False' }] },
      locked: false,
    });
    expect(wordOf(subject('ListenerSet', { parentRef: { name: 'ingress' } }))).toBeUndefined();
  });
});
