import { expect, it } from 'vitest';
import { controlPlaneOfEachTest } from './test-control-plane.ts';
import { eventually } from './test-controller.ts';

const LEASES = '/apis/coordination.k8s.io/v1/leases';
const GATEWAYS = '/apis/gateway.networking.k8s.io/v1/gateways';

const plane = controlPlaneOfEachTest();

it('a replica that loses its Lease within the objects of a waypoint leaves the rest to the one that leads', async () => {
  const { kubernetes, controller } = plane;
  const { server } = kubernetes;
  const answer = server.reply;
  let held: (() => void) | undefined;
  server.reply = (...call) => {
    const [request] = call;
    const isFirst = request.method === 'PATCH' && request.url?.includes('/serviceaccounts/door') === true;
    if (isFirst && held === undefined) held = () => answer(...call);
    else answer(...call);
  };
  await controller.start();
  await controller.logged('leads');
  kubernetes.put(GATEWAYS, {
    metadata: { name: 'door', namespace: 'shop' },
    spec: { gatewayClassName: 'istio-waypoint', listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }] },
  });
  const first = await eventually(() => held, 'the first of its objects');
  const lease = kubernetes.get(LEASES, 'istio-system/ambit-leader');
  if (lease === undefined) throw new Error('nobody leads');
  kubernetes.put(LEASES, { ...lease, spec: { ...(lease['spec'] as object), holderIdentity: 'another' } });
  await controller.logged('leads no more');
  const asked = server.received.length;
  first();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const written = server.received.slice(asked).filter(({ method, path }) => method !== 'GET' && path.includes('shop'));
  expect(written.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
}, 30_000);
