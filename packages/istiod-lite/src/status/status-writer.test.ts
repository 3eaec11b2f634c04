import { ManualClock } from '@ambit/core/clock';
import { createLogger } from '@ambit/core/log';
import type { KubeObject } from '@ambit/kube/resource';
import { beforeEach, describe, expect, it } from 'vitest';
import { Counters } from '../serve/counters.ts';
import type { RawObject } from '../watch/api-object.ts';
import type { WatchedKind } from '../watch/watched-kinds.ts';
import { StatusWriter } from './status-writer.ts';
import { snapshotOf } from './test-snapshot.ts';

const SERVICE =
  '{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop, labels: {istio.io/use-waypoint: door}}, spec: {clusterIP: 10.96.0.1, ports: [{port: 80}]}}';
const PLAIN = SERVICE.replace(', labels: {istio.io/use-waypoint: door}', '');

let applied: { object: RawObject; options: object }[];
/** What the API server makes of what is applied. */
let take: (object: RawObject) => RawObject;
let watched: RawObject;
let writer: StatusWriter;

beforeEach(() => {
  applied = [];
  watched = service('1', {});
  take = ({ status }) => service('2', status);
  writer = new StatusWriter({
    writes: {
      apply: <T extends KubeObject>(_resource: unknown, object: T, options: object) => {
        applied.push({ object: object as unknown as RawObject, options });
        return Promise.resolve(take(object as unknown as RawObject) as unknown as T);
      },
    },
    ...{ clock: new ManualClock(), log: createLogger('test', { level: 'silent' }), counters: new Counters() },
    ...{ clusterDomain: 'cluster.local', revision: 'default', deployProblems: new Map() },
    object: (kind: WatchedKind, name: string) => (kind === 'Service' && name === 'shop/web' ? watched : undefined),
  });
});

function service(resourceVersion: string, status: unknown): RawObject {
  const metadata = { name: 'web', namespace: 'shop', uid: 'u', resourceVersion };
  return { apiVersion: 'v1', kind: 'Service', metadata, spec: {}, status };
}

const settled = (): Promise<void> => new Promise((resume) => setImmediate(resume));

describe('a status writer', () => {
  it('writes only while it leads, by the name of Istio, for the object that was judged', async () => {
    writer.act(snapshotOf(SERVICE));
    await settled();
    expect(applied).toEqual([]);
    writer.lead(true);
    await settled();
    expect(applied).toMatchObject([
      {
        object: {
          kind: 'Service',
          metadata: { uid: 'u' },
          status: { conditions: [{ type: 'istio.io/WaypointBound' }] },
        },
        options: { fieldManager: 'istio-ambient-service', force: true, subresource: 'status' },
      },
    ]);
  });

  it('does not write the same again before the watch has told of it', async () => {
    writer.lead(true);
    writer.act(snapshotOf(SERVICE));
    await settled();
    writer.act(snapshotOf(SERVICE));
    await settled();
    watched = service('2', applied[0]?.object.status);
    writer.noticed('Service', 'shop/web');
    await settled();
    expect(applied.length).toBe(1);
  });

  it('writes again what somebody took away', async () => {
    writer.lead(true);
    writer.act(snapshotOf(SERVICE));
    await settled();
    watched = service('3', {});
    writer.noticed('Service', 'shop/web');
    await settled();
    expect(applied.length).toBe(2);
  });

  it('remembers nothing of an object that is gone: one that comes in its place is written to', async () => {
    watched = service('1', { conditions: [{ type: 'istio.io/WaypointBound', status: 'True' }] });
    take = () => watched;
    writer.lead(true);
    writer.act(snapshotOf(PLAIN));
    await settled();
    writer.act(snapshotOf('{apiVersion: v1, kind: Namespace, metadata: {name: shop}}'));
    writer.act(snapshotOf(PLAIN));
    await settled();
    expect(applied.length).toBe(2);
  });

  it('does not fight for a condition that it cannot take away', async () => {
    watched = service('1', { conditions: [{ type: 'istio.io/WaypointBound', status: 'True' }] });
    take = () => watched;
    writer.lead(true);
    for (let turn = 0; turn < 3; turn++) {
      writer.act(snapshotOf(PLAIN));
      await settled();
    }
    expect(applied.length).toBe(1);
    writer.act(snapshotOf(SERVICE));
    await settled();
    expect(applied.length).toBe(2);
  });
});
