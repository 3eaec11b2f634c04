import { systemClock } from '@ambit/core/clock';
import { KubeClient } from '@ambit/kube/client';
import type { Metadata } from '@ambit/kube/resource';
import { sendJson, sendStatus, TestApiServer } from '@ambit/kube/test-api-server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keptObjects } from './kept-objects.ts';
import { controllersEnded, deleteMadeObjects } from './made-objects.ts';

interface Stored {
  readonly metadata: Metadata;
  readonly [field: string]: unknown;
}

const WAYPOINT = { labels: { 'gateway.istio.io/managed': 'istio.io-mesh-controller' } };
const OWNED = {
  ...WAYPOINT,
  ownerReferences: [
    { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', name: 'wp', uid: 'g', controller: true },
  ],
};
const ROOTS = { name: 'istio-ca-root-cert', labels: { 'istio.io/config': 'true' } };

let server: TestApiServer;
let client: KubeClient;
/** By path, with namespace for objects that have one. */
let objects: Map<string, Stored>;
/** Paths whose deletion is refused. */
let refused: string[];
let problems: string[];
const report = (problem: string): number => problems.push(problem);

function put(path: string, metadata: Partial<Metadata> = {}, fields: object = {}): void {
  const name = path.split('/').at(-1) ?? '';
  const namespace = /\/namespaces\/([^/]+)\/./.exec(path)?.[1];
  const where = namespace === undefined ? {} : { namespace };
  objects.set(path, { ...fields, metadata: { name, ...where, uid: `uid-${path}`, ...metadata } });
}

/** Objects of a collection, across namespaces when the path names none. */
function listed(path: string, selector: string | null): Stored[] {
  const plural = path.split('/').at(-1) ?? '';
  const group = path.slice(0, -plural.length);
  return [...objects].flatMap(([at, object]) => {
    const folder = at.slice(0, at.lastIndexOf('/'));
    const inside =
      folder === path || (folder.startsWith(group) && folder.endsWith(`/${plural}`) && !path.includes('/namespaces/'));
    const [label = '', value] = (selector ?? '').split('=');
    return inside && (selector === null || object.metadata.labels?.[label] === value) ? [object] : [];
  });
}

beforeEach(async () => {
  objects = new Map();
  refused = [];
  problems = [];
  server = await TestApiServer.start();
  server.reply = (request, response, body) => {
    const url = new URL(request.url ?? '', 'http://server');
    const object = objects.get(url.pathname);
    if (request.method === 'DELETE') {
      if (refused.includes(url.pathname)) return sendStatus(response, 403, 'Forbidden', 'not you');
      if (object === undefined) return sendStatus(response, 404, 'NotFound', 'no such');
      const { preconditions } = JSON.parse(body) as { preconditions?: { uid: string } };
      expect(preconditions?.uid).toBe(object.metadata.uid);
      objects.delete(url.pathname);
      return sendJson(response, object);
    }
    if (object !== undefined) return sendJson(response, object);
    if (url.pathname.endsWith('/missing') || /\/(istio|ambit)-[^/]*$/.test(url.pathname)) {
      return sendStatus(response, 404, 'NotFound', 'no such');
    }
    const items = listed(url.pathname, url.searchParams.get('labelSelector'));
    sendJson(response, { metadata: { resourceVersion: '1' }, items });
  };
  client = new KubeClient(server.apiServer, { clock: systemClock, userAgent: 'test' });
});
afterEach(async () => {
  client.destroy();
  await server.kill();
});

describe('the sweep after the end of a release', () => {
  it('deletes what the controller made, and nothing else', async () => {
    for (const name of ['shop', 'mesh', 'other']) put(`/api/v1/namespaces/${name}`);
    put('/api/v1/namespaces/shop/configmaps/istio-ca-root-cert', ROOTS);
    put('/api/v1/namespaces/mesh/configmaps/istio-ca-root-cert', ROOTS);
    put('/api/v1/namespaces/other/configmaps/istio-ca-root-cert');
    put('/api/v1/namespaces/shop/configmaps/settings');
    put('/apis/apps/v1/namespaces/shop/deployments/wp', OWNED);
    put('/apis/apps/v1/namespaces/shop/deployments/labelled', WAYPOINT);
    put('/apis/apps/v1/namespaces/shop/deployments/theirs', {
      ...WAYPOINT,
      ownerReferences: [{ apiVersion: 'example.com/v1', kind: 'Shop', name: 'shop', uid: 's', controller: true }],
    });
    put('/apis/apps/v1/namespaces/shop/deployments/cart');
    put('/apis/policy/v1/namespaces/shop/poddisruptionbudgets/wp', OWNED);
    put('/api/v1/namespaces/shop/services/wp', OWNED);
    put('/api/v1/namespaces/shop/serviceaccounts/wp', OWNED);
    const classes = '/apis/gateway.networking.k8s.io/v1/gatewayclasses';
    put(`${classes}/istio-waypoint`, {}, { spec: { controllerName: 'istio.io/mesh-controller' } });
    put(`${classes}/ambit-waypoint`, {}, { spec: { controllerName: 'somebody.else/controller' } });
    put('/apis/coordination.k8s.io/v1/namespaces/mesh/leases/ambit-leader');
    put('/api/v1/namespaces/mesh/secrets/ambit-ca-handover');
    put('/api/v1/namespaces/mesh/secrets/istio-ca-secret');

    const deleted = await deleteMadeObjects(client, 'mesh', report);

    expect(problems).toEqual([]);
    expect([...objects.keys()].filter((path) => !/^\/api\/v1\/namespaces\/[^/]+$/.test(path))).toEqual([
      '/api/v1/namespaces/other/configmaps/istio-ca-root-cert',
      '/api/v1/namespaces/shop/configmaps/settings',
      '/apis/apps/v1/namespaces/shop/deployments/labelled',
      '/apis/apps/v1/namespaces/shop/deployments/theirs',
      '/apis/apps/v1/namespaces/shop/deployments/cart',
      `${classes}/ambit-waypoint`,
      '/api/v1/namespaces/mesh/secrets/istio-ca-secret',
    ]);
    expect(Object.fromEntries(deleted)).toEqual({
      ConfigMap: 2,
      ...{ Deployment: 1, PodDisruptionBudget: 1, Service: 1, ServiceAccount: 1 },
      ...{ GatewayClass: 1, Lease: 1, Secret: 1 },
    });
  });

  it('finds nothing to do where nothing is left', async () => {
    expect((await deleteMadeObjects(client, 'mesh', report)).size).toBe(0);
    expect(problems).toEqual([]);
  });

  it('names what it may not delete, and goes on', async () => {
    put('/api/v1/namespaces/shop');
    put('/api/v1/namespaces/shop/configmaps/istio-ca-root-cert', ROOTS);
    put('/apis/apps/v1/namespaces/shop/deployments/wp', OWNED);
    refused = ['/apis/apps/v1/namespaces/shop/deployments/wp'];
    const deleted = await deleteMadeObjects(client, 'mesh', report);
    expect(deleted.get('ConfigMap')).toBe(1);
    expect(problems).toEqual([expect.stringMatching(/^Deployment shop\/wp: .*not you/)]);
  });

  it('waits for the controller to end, and names who does not', async () => {
    const pod = '/api/v1/namespaces/mesh/pods/istiod-1';
    put(pod, { labels: { app: 'istiod' } }, { status: { phase: 'Running' } });
    put('/api/v1/namespaces/mesh/pods/istiod-0', { labels: { app: 'istiod' } }, { status: { phase: 'Failed' } });
    const options = { client, namespace: 'mesh', clock: systemClock };
    expect(await controllersEnded({ ...options, timeout: 0 })).toEqual(['istiod-1']);
    const waiting = controllersEnded({ ...options, timeout: 20_000 });
    objects.delete(pod);
    expect(await waiting).toEqual([]);
  });

  it('names what is kept', async () => {
    const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const definition = (group: string, plural: string, kind: string): object => ({
      spec: { group, scope: 'Namespaced', names: { plural, kind }, versions: [{ name: 'v1', storage: true }] },
    });
    put(
      `${crds}/gateways.gateway.networking.k8s.io`,
      {},
      definition('gateway.networking.k8s.io', 'gateways', 'Gateway'),
    );
    put(`${crds}/sidecars.networking.istio.io`, {}, definition('networking.istio.io', 'sidecars', 'Sidecar'));
    put(`${crds}/things.example.com`, {}, definition('example.com', 'things', 'Thing'));
    put('/apis/gateway.networking.k8s.io/v1/namespaces/shop/gateways/wp');
    put('/apis/gateway.networking.k8s.io/v1/namespaces/shop/gateways/edge');
    expect(await keptObjects(client, 'mesh', report)).toEqual([
      '2 CustomResourceDefinitions of gateway.networking.k8s.io, networking.istio.io',
      'your objects: 2 Gateway',
      expect.stringContaining('Secret mesh/istio-ca-secret'),
    ]);
    expect(problems).toEqual([]);
  });

  it('does not fail for definitions that are on their way out, or that do not serve what they store', async () => {
    const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const group = 'networking.istio.io';
    const definition = (plural: string, kind: string, versions: readonly object[]): void =>
      put(
        `${crds}/${plural}.${group}`,
        {},
        { spec: { group, scope: 'Namespaced', names: { plural, kind }, versions } },
      );
    definition('missing', 'Sidecar', [{ name: 'v1', served: true, storage: true }]);
    definition('gateways', 'Gateway', [
      { name: 'v1alpha3', served: false, storage: true },
      { name: 'v1', served: true, storage: false },
    ]);
    put(`/apis/${group}/v1/namespaces/shop/gateways/edge`);
    expect(await keptObjects(client, 'mesh', report)).toContain('your objects: 1 Gateway');
    expect(problems).toEqual([]);
  });
});
