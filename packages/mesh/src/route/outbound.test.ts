import { describe, expect, it } from 'vitest';
import type { Choice } from '../endpoint/endpoint-set.ts';
import {
  change,
  choiceOf,
  clientFor,
  endpointOf,
  port,
  service,
  spiffe,
  storeOf,
  type TestMesh,
  workload,
} from '../test-model.ts';
import type { GatewayAddress, Workload } from '../workload.ts';
import { type OutboundRoute, routeOutbound } from './outbound.ts';

const WEB = workload('web', { addresses: ['10.0.0.1', 'fd00::1'] });
const CART = service('cart', ['10.96.0.1']);
const WP = service('wp', ['10.96.0.9'], { ports: [port(15_008, 15_008)] });
const WP_POD = workload('wp-1', { addresses: ['10.0.0.9'], services: endpointOf(WP) });
const TO_WP: GatewayAddress = {
  destination: { kind: 'hostname', namespace: 'shop', hostname: WP.hostname },
  hbonePort: 15_008,
};

function cartPod(name: string, ip: string, fields: Partial<Workload> = {}): Workload {
  return workload(name, { addresses: [ip], services: endpointOf(CART), ...fields });
}

interface Asked {
  readonly own?: Workload;
  readonly choice?: Choice;
  readonly excluded?: readonly string[];
}

function route(
  mesh: TestMesh,
  destination: string,
  { own = WEB, choice = choiceOf(), excluded = [] }: Asked = {},
): OutboundRoute {
  const store = storeOf({ ...mesh, workloads: [own, ...(mesh.workloads ?? [])] });
  const at = destination.lastIndexOf(':');
  const target = { ip: destination.slice(0, at), port: Number(destination.slice(at + 1)) };
  const uids = new Set(excluded.map((name) => `cluster//Pod/shop/${name}`));
  return routeOutbound(store, clientFor(store, own), target, choice, uids);
}

describe('to a pod by its address', () => {
  it('goes through a tunnel to the pod, at the port that was dialled', () => {
    const pod = cartPod('cart-1', '10.0.0.2');
    expect(route({ services: [CART], workloads: [pod] }, '10.0.0.2:8080')).toEqual({
      kind: 'tunnel',
      target: { ip: '10.0.0.2', port: 15_008 },
      authority: '10.0.0.2:8080',
      identities: [spiffe('shop', 'cart')],
      upstream: pod,
      waypoint: false,
      service: undefined,
    });
  });

  it('writes IPv6 in brackets', () => {
    const to = route({ workloads: [cartPod('cart-1', 'fd00::2')] }, 'fd00::2:8080');
    expect(to).toMatchObject({ target: { ip: 'fd00::2', port: 15_008 }, authority: '[fd00::2]:8080' });
  });

  it('goes in the clear to a pod outside of the mesh', () => {
    const to = route({ workloads: [cartPod('cart-1', '10.0.0.2', { protocol: 'tcp' })] }, '10.0.0.2:8080');
    expect(to).toMatchObject({ kind: 'plain', target: { ip: '10.0.0.2', port: 8080 } });
  });

  it('goes to a pod that is not ready: whoever dials it knows why', () => {
    expect(route({ workloads: [cartPod('cart-1', '10.0.0.2', { healthy: false })] }, '10.0.0.2:8080').kind).toBe(
      'tunnel',
    );
  });

  it('passes through what the mesh does not know, host-network pods among them', () => {
    const target = { ip: '192.168.1.1', port: 443 };
    const passthrough = { kind: 'passthrough', target, service: undefined };
    expect(route({}, '192.168.1.1:443')).toEqual(passthrough);
    const host = workload('host', { addresses: ['192.168.1.1'], hostNetwork: true });
    expect(route({ workloads: [host] }, '192.168.1.1:443')).toEqual(passthrough);
    const elsewhere = workload('elsewhere', { addresses: ['192.168.1.1'], network: 'n2' });
    expect(route({ workloads: [elsewhere] }, '192.168.1.1:443')).toEqual(passthrough);
  });
});

describe('to a service by its address', () => {
  it('goes through a tunnel to one of its pods, at the port on the pod', () => {
    const pod = cartPod('cart-1', '10.0.0.2');
    const named = { ...CART, subjectAltNames: ['spiffe://td/ns/a/sa/b'] };
    expect(route({ services: [named], workloads: [pod] }, '10.96.0.1:80')).toMatchObject({
      kind: 'tunnel',
      target: { ip: '10.0.0.2', port: 15_008 },
      authority: '10.0.0.2:8080',
      identities: [spiffe('shop', 'cart'), spiffe('a', 'b', 'td')],
      service: named,
    });
  });

  it('may come back to the pod that dialled', () => {
    const own = cartPod('web', '10.0.0.1');
    expect(route({ services: [CART] }, '10.96.0.1:80', { own })).toMatchObject({
      target: { ip: '10.0.0.1', port: 15_008 },
    });
  });

  it('tries another pod than those that failed, and gives up when there is none', () => {
    const mesh = { services: [CART], workloads: [cartPod('cart-1', '10.0.0.2'), cartPod('cart-2', '10.0.0.3')] };
    expect(route(mesh, '10.96.0.1:80', { excluded: ['cart-1'] })).toMatchObject({ target: { ip: '10.0.0.3' } });
    const refused = route(mesh, '10.96.0.1:80', { excluded: ['cart-1', 'cart-2'] });
    expect(refused).toMatchObject({ kind: 'refuse', reason: 'no-healthy-upstream' });
  });

  it('is refused, and not passed through, when nothing serves the port', () => {
    expect(route({ services: [CART] }, '10.96.0.1:80')).toMatchObject({
      kind: 'refuse',
      reason: 'no-healthy-upstream',
    });
    const mesh = { services: [CART], workloads: [cartPod('cart-1', '10.0.0.2')] };
    expect(route(mesh, '10.96.0.1:81')).toMatchObject({
      kind: 'refuse',
      reason: 'no-healthy-upstream',
      message: `service ${CART.key} has no usable endpoint for port 81`,
    });
  });

  it('goes where it wanted when the service is a passthrough', () => {
    const through = service('db', ['10.96.0.1'], {
      loadBalancing: { mode: 'passthrough', preferences: [], allowUnhealthy: true },
    });
    expect(route({ services: [through] }, '10.96.0.1:80')).toMatchObject({ kind: 'passthrough', service: through });
  });

  it('is refused when the service could not be taken', () => {
    const broken = { ...CART, invalid: 'ports: 70000 is not a port' };
    const refused = route({ services: [broken], workloads: [cartPod('cart-1', '10.0.0.2')] }, '10.96.0.1:80');
    expect(refused).toMatchObject({ kind: 'refuse', reason: 'service-invalid' });
  });

  it('is refused when the workload could not be taken, which may have a waypoint or want mTLS', () => {
    const broken = workload('cart-1', { addresses: ['10.0.0.2'], protocol: 'tcp', invalid: 'waypoint: has no port' });
    expect(route({ workloads: [broken] }, '10.0.0.2:8080')).toMatchObject({
      kind: 'refuse',
      reason: 'workload-invalid',
      message: 'workload cluster//Pod/shop/cart-1 could not be taken: waypoint: has no port',
    });
    const behind = workload('db-1', {
      addresses: ['10.0.0.3'],
      waypoint: { destination: { kind: 'address', network: '', ip: '10.0.0.2' }, hbonePort: 15_008 },
    });
    const refused = route({ workloads: [broken, behind] }, '10.0.0.3:80');
    expect(refused).toMatchObject({ kind: 'refuse', reason: 'waypoint-unresolved' });
  });

  it('names the host whose address nobody knows', () => {
    const pod = workload('ext', { hostname: 'db.example', protocol: 'tcp', services: endpointOf(CART) });
    const to = route({ services: [CART], workloads: [pod] }, '10.96.0.1:80');
    expect(to).toMatchObject({ kind: 'unresolved', hostname: 'db.example', port: 8080 });
  });
});

describe('when an address is both', () => {
  const pod = workload('vm', { addresses: ['10.96.0.1'], services: endpointOf(CART) });

  it('an exact service address counts before a pod, with its waypoint', () => {
    expect(route({ services: [CART], workloads: [pod] }, '10.96.0.1:80')).toMatchObject({
      authority: '10.96.0.1:8080',
    });
    const judged = { ...CART, waypoints: [{ address: TO_WP, weight: 1 }] };
    const to = route({ services: [judged, WP], workloads: [pod, WP_POD] }, '10.96.0.1:80');
    expect(to).toMatchObject({ waypoint: true, target: { ip: '10.0.0.9', port: 15_008 } });
  });

  it('a pod counts before a range that holds it, so that it keeps its tunnel', () => {
    const range = service('egress', ['10.0.0.0/8'], {
      loadBalancing: { mode: 'passthrough', preferences: [], allowUnhealthy: true },
    });
    const mesh = { services: [range], workloads: [cartPod('cart-1', '10.0.0.2')] };
    expect(route(mesh, '10.0.0.2:8080').kind).toBe('tunnel');
    expect(route(mesh, '10.0.0.3:8080')).toMatchObject({ kind: 'passthrough', service: range });
  });
});

describe('with a waypoint', () => {
  const judged = { ...CART, waypoints: [{ address: TO_WP, weight: 1 }] };
  const mesh = { services: [judged, WP], workloads: [WP_POD, cartPod('cart-1', '10.0.0.2')] };

  it('goes there with the address that was dialled', () => {
    expect(route(mesh, '10.96.0.1:80')).toEqual({
      kind: 'tunnel',
      target: { ip: '10.0.0.9', port: 15_008 },
      authority: '10.96.0.1:80',
      identities: [spiffe('shop', 'wp')],
      upstream: WP_POD,
      waypoint: true,
      service: judged,
    });
  });

  it('is refused when the waypoint is unknown, has no pod, or all have been tried', () => {
    for (const broken of [
      { services: [judged] },
      { services: [judged, WP], workloads: [cartPod('cart-1', '10.0.0.2')] },
      { services: [judged, { ...WP, invalid: 'x' }], workloads: [WP_POD] },
    ]) {
      expect(route(broken, '10.96.0.1:80')).toMatchObject({ kind: 'refuse', reason: 'waypoint-unresolved' });
    }
    expect(route(mesh, '10.96.0.1:80', { excluded: ['wp-1'] })).toMatchObject({ reason: 'waypoint-unresolved' });
  });

  it('of the pod counts only for the pod itself', () => {
    const pod = cartPod('cart-1', '10.0.0.2', { waypoint: TO_WP });
    const services = [CART, WP];
    const direct = route({ services, workloads: [WP_POD, pod] }, '10.0.0.2:8080');
    expect(direct).toMatchObject({ waypoint: true, authority: '10.0.0.2:8080' });
    expect(route({ services, workloads: [WP_POD, pod] }, '10.96.0.1:80')).toMatchObject({ waypoint: false });
    expect(route({ services: [CART], workloads: [pod] }, '10.0.0.2:8080')).toMatchObject({
      reason: 'waypoint-unresolved',
    });
  });

  it('is not used twice: the waypoint itself goes to the pods', () => {
    expect(route(mesh, '10.96.0.1:80', { own: WP_POD })).toMatchObject({ waypoint: false, authority: '10.0.0.2:8080' });
    const pod = cartPod('cart-1', '10.0.0.2', { waypoint: TO_WP });
    const direct = route({ services: [CART, WP], workloads: [pod] }, '10.0.0.2:8080', { own: WP_POD });
    expect(direct).toMatchObject({ waypoint: false });
  });

  it('is used by whoever only shares its identity, or only its address', () => {
    const twin = workload('twin', { identity: WP_POD.identity, addresses: ['10.0.0.7'] });
    expect(route(mesh, '10.96.0.1:80', { own: twin })).toMatchObject({ waypoint: true });
    const impostor = { ...WP_POD, uid: 'impostor', identity: spiffe('shop', 'evil'), services: new Map() };
    const store = storeOf(mesh);
    const client = clientFor(store, impostor);
    expect(routeOutbound(store, client, { ip: '10.96.0.1', port: 80 }, choiceOf())).toMatchObject({ waypoint: true });
  });

  it('by address works like by name', () => {
    const byVip: GatewayAddress = { destination: { kind: 'address', network: '', ip: '10.96.0.9' }, hbonePort: 15_008 };
    const byPod: GatewayAddress = { destination: { kind: 'address', network: '', ip: '10.0.0.9' }, hbonePort: 15_018 };
    const to = (address: GatewayAddress) =>
      route({ services: [{ ...CART, waypoints: [{ address, weight: 1 }] }, WP], workloads: [WP_POD] }, '10.96.0.1:80');
    expect(to(byVip)).toMatchObject({ target: { ip: '10.0.0.9', port: 15_008 }, waypoint: true });
    expect(to(byPod)).toMatchObject({ target: { ip: '10.0.0.9', port: 15_018 }, waypoint: true });
  });

  it('is drawn by weight', () => {
    const other: GatewayAddress = { destination: { kind: 'address', network: '', ip: '10.0.0.9' }, hbonePort: 15_018 };
    const two = {
      ...CART,
      waypoints: [
        { address: TO_WP, weight: 3 },
        { address: other, weight: 1 },
      ],
    };
    const drawn = [0, 0.5, 0.74, 0.76, 0.99].map((number) => {
      const to = route({ services: [two, WP], workloads: [WP_POD] }, '10.96.0.1:80', { choice: choiceOf([number]) });
      return to.kind === 'tunnel' ? to.target.port : to.kind;
    });
    expect(drawn).toEqual([15_008, 15_008, 15_008, 15_018, 15_018]);
    const none = { ...CART, waypoints: two.waypoints.map(({ address }) => ({ address, weight: 0 })) };
    expect(route({ services: [none, WP], workloads: [WP_POD] }, '10.96.0.1:80')).toMatchObject({
      reason: 'waypoint-unresolved',
    });
  });

  it('comes into use, and goes out of it, with the next connection', () => {
    const store = storeOf({ ...mesh, services: [CART, WP] });
    const client = clientFor(store, WEB);
    const go = () => routeOutbound(store, client, { ip: '10.96.0.1', port: 80 }, choiceOf());
    expect(go()).toMatchObject({ waypoint: false });
    change(store, { services: [judged] });
    expect(go()).toMatchObject({ waypoint: true });
    change(store, { services: [CART] });
    expect(go()).toMatchObject({ waypoint: false });
  });
});

describe('to another network', () => {
  const gateway: GatewayAddress = {
    destination: { kind: 'address', network: 'n2', ip: '172.16.0.1' },
    hbonePort: 15_008,
  };
  const gatewayPod = workload('gw', { network: 'n2', addresses: ['172.16.0.1'] });
  const far = workload('far', { network: 'n2', networkGateway: gateway, services: endpointOf(CART) });
  const named = { ...CART, subjectAltNames: ['spiffe://cluster.local/ns/shop/sa/cart'] };

  it('goes through the gateway, by the name and port of the service', () => {
    expect(route({ services: [named], workloads: [far, gatewayPod] }, '10.96.0.1:80')).toEqual({
      kind: 'double-tunnel',
      target: { ip: '172.16.0.1', port: 15_008 },
      authority: 'cart.shop.svc.cluster.local:80',
      identities: [spiffe('shop', 'gw')],
      innerIdentities: [spiffe('shop', 'cart')],
      upstream: gatewayPod,
      destination: far,
      service: named,
    });
  });

  it('is refused when the gateway is unknown', () => {
    expect(route({ services: [named], workloads: [far] }, '10.96.0.1:80')).toMatchObject({
      reason: 'gateway-unresolved',
    });
  });

  it('also for a waypoint there; a pod has no name to ask the gateway for', () => {
    const remote = { ...WP_POD, network: 'n2', networkGateway: gateway };
    const judged = { ...CART, waypoints: [{ address: TO_WP, weight: 1 }] };
    const to = route({ services: [judged, WP], workloads: [remote, gatewayPod] }, '10.96.0.1:80');
    expect(to).toMatchObject({ kind: 'double-tunnel', authority: 'cart.shop.svc.cluster.local:80' });
    const pod = cartPod('cart-1', '10.0.0.2', { waypoint: TO_WP });
    const direct = route({ services: [WP], workloads: [remote, gatewayPod, pod] }, '10.0.0.2:80');
    expect(direct).toMatchObject({ kind: 'refuse', reason: 'remote-network' });
  });
});

describe('to the proxy itself', () => {
  it.each(['127.0.0.1:15001', '127.8.9.1:15006', '::1:15008', '10.0.0.1:15006', 'fd00::1:15001'])(
    '%s is refused',
    (destination) => {
      expect(route({}, destination)).toMatchObject({ kind: 'refuse', reason: 'self-call' });
    },
  );

  it('other ports of the loopback address, and those ports elsewhere, are not', () => {
    expect(route({}, '127.0.0.1:8080').kind).toBe('passthrough');
    expect(route({}, '192.168.1.1:15001').kind).toBe('passthrough');
  });
});
