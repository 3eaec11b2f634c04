import { describe, expect, it } from 'vitest';
import { endpointOf, port, service, storeOf, type TestMesh, workload } from '../test-model.ts';
import type { GatewayAddress, Workload } from '../workload.ts';
import { type InboundRoute, routeInbound, routeInboundPlaintext, statusOf } from './inbound.ts';

const IP = '10.0.0.2';
const CART = service('cart', ['10.96.0.1']);
const POD = workload('cart-1', { addresses: [IP], services: endpointOf(CART) });

function route(authority: string, own: Workload = POD, mesh: TestMesh = { services: [CART] }): InboundRoute {
  const store = storeOf({ ...mesh, workloads: [...(mesh.workloads ?? []), own] });
  return routeInbound(store, own, { localIp: IP, authority });
}

describe('CONNECT to the pod that was reached', () => {
  it('goes to the port that is named', () => {
    expect(route(`${IP}:8080`)).toEqual({
      kind: 'accept',
      target: { ip: IP, port: 8080 },
      judged: { ip: IP, port: 8080 },
      proxyDestination: undefined,
      service: undefined,
    });
  });

  it('understands IPv6', () => {
    const store = storeOf({ workloads: [POD] });
    const to = routeInbound(store, POD, { localIp: 'fd00::2', authority: '[fd00::2]:8080' });
    expect(to).toMatchObject({ kind: 'accept', target: { ip: 'fd00::2', port: 8080 } });
  });

  it('waits for the controller to know the pod', () => {
    const store = storeOf({});
    expect(routeInbound(store, undefined, { localIp: IP, authority: `${IP}:80` })).toMatchObject({
      reason: 'workload-unknown',
    });
    expect(statusOf('workload-unknown')).toBe(503);
  });
});

describe('a pod whose description could not be taken', () => {
  it('takes no connection, for nobody knows which policies judge it', () => {
    const broken = { ...POD, invalid: 'status: value 9 is not supported' };
    expect(route(`${IP}:8080`, broken)).toMatchObject({ kind: 'refuse', reason: 'workload-invalid' });
    expect(routeInboundPlaintext(broken, { ip: IP, port: 80 })).toMatchObject({ reason: 'workload-invalid' });
    expect(statusOf('workload-invalid')).toBe(503);
  });
});

describe('CONNECT is refused with 400', () => {
  it.each([
    '',
    ':80',
    IP,
    `${IP}:0`,
    `${IP}:65536`,
    `${IP}:080`,
    `${IP}:+80`,
    '10.0.2:80',
    `[${IP}]:80`,
    'fd00::2:80',
    'a b:80',
    'http://x:80',
    'x:70000',
    '-:80',
  ])('for %j', (authority) => {
    const refused = route(authority);
    expect(refused).toMatchObject({ kind: 'refuse', reason: 'bad-authority' });
    expect(refused.kind === 'refuse' && statusOf(refused.reason)).toBe(400);
  });

  it('for the address of another pod, of a service, or of the loopback', () => {
    const other = workload('other', { addresses: ['10.0.0.3'] });
    for (const ip of ['10.0.0.3', '10.96.0.1', '127.0.0.1', '8.8.8.8']) {
      const refused = route(`${ip}:80`, POD, { services: [CART], workloads: [other] });
      expect(refused).toMatchObject({ kind: 'refuse', reason: 'not-this-pod' });
    }
    expect(statusOf('not-this-pod')).toBe(400);
  });
});

describe('CONNECT to a port of the proxy', () => {
  it.each([15_001, 15_006, 15_008])('%d is refused with 503', (to) => {
    expect(route(`${IP}:${to}`)).toMatchObject({ kind: 'refuse', reason: 'self-call' });
    expect(statusOf('self-call')).toBe(503);
  });

  it('is refused also behind a service port', () => {
    const sly = { ...CART, ports: [port(80, 15_006)] };
    expect(route(`${CART.hostname}:80`, POD, { services: [sly] })).toMatchObject({ reason: 'self-call' });
  });
});

describe('CONNECT by hostname', () => {
  it('goes to the port of this pod behind the service port, whatever else answers to the name', () => {
    const named = { ...POD, services: new Map([[CART.key, [{ servicePort: 80, targetPort: 9090 }]]]) };
    expect(route(`${CART.hostname}:80`, named)).toMatchObject({ target: { ip: IP, port: 9090 }, service: CART });
    expect(route('CART.shop.svc.cluster.local:80')).toMatchObject({ target: { ip: IP, port: 8080 } });
  });

  it('prefers the service that the pod belongs to', () => {
    const stranger = {
      ...CART,
      key: `other/${CART.hostname}`,
      namespace: 'other',
      canonical: true,
      ports: [port(80, 1)],
    };
    const homeless = { ...POD, namespace: 'elsewhere' };
    expect(route(`${CART.hostname}:80`, homeless, { services: [stranger, CART] })).toMatchObject({
      target: { port: 8080 },
    });
  });

  it('is refused with 503 for an unknown name or port', () => {
    expect(route('nobody.example:80')).toMatchObject({ reason: 'unknown-host' });
    expect(route(`${CART.hostname}:81`)).toMatchObject({ reason: 'unknown-port' });
    expect([statusOf('unknown-host'), statusOf('unknown-port')]).toEqual([503, 503]);
  });
});

describe('a waypoint', () => {
  const WP = service('wp', ['10.96.0.9'], { ports: [port(15_008, 15_008)] });
  const pod = workload('wp-1', { addresses: [IP], services: endpointOf(WP) });
  const byName: GatewayAddress = {
    destination: { kind: 'hostname', namespace: 'shop', hostname: WP.hostname },
    hbonePort: 15_008,
  };
  const byPod: GatewayAddress = { destination: { kind: 'address', network: '', ip: IP }, hbonePort: 15_008 };

  it.each([
    [
      'a service that names it',
      { services: [WP, { ...CART, waypoints: [{ address: byName, weight: 1 }] }] },
      '10.96.0.1',
    ],
    [
      'a service that names its address',
      { services: [WP, { ...CART, waypoints: [{ address: byPod, weight: 1 }] }] },
      '10.96.0.1',
    ],
    [
      'one of two services with the address',
      { services: [WP, service('aaa', ['10.96.0.1']), { ...CART, waypoints: [{ address: byName, weight: 1 }] }] },
      '10.96.0.1',
    ],
    [
      'a range that names it',
      { services: [WP, service('range', ['10.99.0.0/16'], { waypoints: [{ address: byName, weight: 1 }] })] },
      '10.99.1.1',
    ],
    [
      'a pod that names it',
      { services: [WP], workloads: [workload('x', { addresses: ['10.0.0.7'], waypoint: byName })] },
      '10.0.0.7',
    ],
  ])('takes CONNECT to %s, at its own address', (_case, mesh, ip) => {
    expect(route(`${ip}:80`, pod, mesh)).toMatchObject({ kind: 'accept', target: { ip: IP, port: 80 } });
  });

  it('does not take what names another waypoint', () => {
    const other: GatewayAddress = { destination: { kind: 'address', network: '', ip: '10.0.0.8' }, hbonePort: 15_008 };
    const mesh = { services: [WP, { ...CART, waypoints: [{ address: other, weight: 1 }] }] };
    expect(route('10.96.0.1:80', pod, mesh)).toMatchObject({ reason: 'not-this-pod' });
  });
});

describe('an application that takes tunnelled traffic', () => {
  const own = { ...POD, applicationTunnel: { protocol: 'proxy', port: 15_088 } as const };

  it('gets any address, at its own port on the loopback, with the address it was meant for', () => {
    expect(route('10.96.0.77:80', own)).toEqual({
      kind: 'accept',
      target: { ip: '127.0.0.1', port: 15_088 },
      judged: { ip: IP, port: 15_088 },
      proxyDestination: { ip: '10.96.0.77', port: 80 },
      service: undefined,
    });
  });

  it('is told the address of the service when the name was asked for', () => {
    expect(route(`${CART.hostname}:80`, own)).toMatchObject({ proxyDestination: { ip: '10.96.0.1', port: 80 } });
  });

  it('keeps port and address where it is configured so', () => {
    const store = storeOf({ workloads: [own] });
    const options = { localhostApplicationTunnel: false };
    const to = routeInbound(store, own, { localIp: IP, authority: '10.96.0.77:80' }, options);
    expect(to).toMatchObject({ target: { ip: IP, port: 15_088 } });
    const same = { ...POD, applicationTunnel: { protocol: 'none', port: 0 } as const };
    expect(route('10.96.0.77:80', same)).toMatchObject({ target: { port: 80 }, proxyDestination: undefined });
  });
});

describe('plaintext into a pod', () => {
  it('goes where it wanted, except to the proxy or into a pod that nobody knows', () => {
    const original = { ip: IP, port: 8080 };
    expect(routeInboundPlaintext(POD, original)).toMatchObject({ kind: 'accept', target: original, judged: original });
    expect(routeInboundPlaintext(POD, { ip: IP, port: 15_006 })).toMatchObject({ reason: 'self-call' });
    expect(routeInboundPlaintext(undefined, original)).toMatchObject({ reason: 'workload-unknown' });
  });
});
