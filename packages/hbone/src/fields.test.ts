import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBaggage, parseBaggage } from './baggage.ts';
import { formatForwarded, forwardedHost, forwardedPort, parseForwarded } from './forwarded.ts';
import { reasonField, reasonOf } from './reason.ts';

const FULL = {
  cluster: 'Kubernetes',
  namespace: 'shop',
  workloadType: 'deployment',
  workloadName: 'web',
  serviceName: 'web',
  serviceVersion: 'v1',
  region: 'eu-1',
  zone: 'eu-1a',
};

describe('baggage', () => {
  it('is written in the order and with the keys that peers expect, without what is empty', () => {
    expect(formatBaggage(FULL)).toBe(
      'k8s.cluster.name=Kubernetes,k8s.namespace.name=shop,k8s.deployment.name=web,service.name=web,service.version=v1,cloud.region=eu-1,cloud.availability_zone=eu-1a',
    );
    expect(formatBaggage({ ...FULL, serviceVersion: '', region: '', workloadType: 'CronJob', zone: '' })).toBe(
      'k8s.cluster.name=Kubernetes,k8s.namespace.name=shop,k8s.cronjob.name=web,service.name=web',
    );
  });

  it('cannot be forged by a name with separators', () => {
    expect(formatBaggage({ ...FULL, cluster: 'a,k8s.namespace.name=admin' })).not.toContain('admin');
  });

  it('is read back', () => {
    expect(parseBaggage(formatBaggage(FULL))).toEqual(FULL);
  });

  it('is read leniently: spaces, properties, unknown and repeated keys', () => {
    expect(parseBaggage(' k8s.namespace.name = shop ;p=1, x=y ,, k8s.namespace.name=other,service.name')).toMatchObject(
      {
        namespace: 'shop',
        serviceName: '',
      },
    );
    expect(parseBaggage(undefined)).toBeUndefined();
    expect(parseBaggage('x=y')).toBeUndefined();
    expect(parseBaggage('a'.repeat(1 << 20))).toBeUndefined();
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseBaggage(text)));
  });
});

describe('forwarded', () => {
  it('names the client and the service that was dialled', () => {
    expect(formatForwarded({ ip: '10.0.0.1', port: 43210 })).toBe('for="10.0.0.1:43210"');
    const text = formatForwarded({ ip: 'fd00::1', port: 1 }, 'cart.shop.svc.cluster.local');
    expect(text).toBe('for="[fd00::1]:1";host=cart.shop.svc.cluster.local');
    expect(parseForwarded(text)).toEqual({ client: { ip: 'fd00::1', port: 1 }, host: 'cart.shop.svc.cluster.local' });
  });

  it('takes the first element and any order, ignores what it does not know', () => {
    expect(parseForwarded('host=a; For="1.2.3.4:5" ;proto=https, for="6.7.8.9:10"')).toEqual({
      client: { ip: '1.2.3.4', port: 5 },
      host: 'a',
    });
  });

  it.each([
    '',
    'for=unknown',
    'for="1.2.3.4"',
    'for="1.2.3.4:0"',
    'for="1.2.3.4:99999"',
    'for="a:1',
    `for="${'1'.repeat(9000)}"`,
  ])('is nothing when it is %j', (text) => {
    expect(parseForwarded(text)).toBeUndefined();
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseForwarded(text)));
  });
});

describe('the host in forwarded', () => {
  const client = { ip: '10.0.0.1', port: 80 };

  it('is the one that the sender wrote', () => {
    expect(forwardedHost(formatForwarded(client, 'cart.shop.svc'))).toBe('cart.shop.svc');
    expect(forwardedHost(`${formatForwarded(client, 'cart.shop.svc')};proto=http`)).toBe('cart.shop.svc');
  });

  it.each([undefined, '', formatForwarded(client), `for="x";host=${'a'.repeat(9_000)}`])('is none in %j', (text) => {
    expect(forwardedHost(text)).toBeUndefined();
  });
});

describe('the port in forwarded', () => {
  it.each(['10.0.0.1', 'fd00::1', '::'])('is the one that the sender of %s wrote', (ip) => {
    for (const port of [1, 80, 43_210, 65_535]) {
      expect(forwardedPort(formatForwarded({ ip, port }), ip)).toBe(port);
      expect(forwardedPort(formatForwarded({ ip, port }, 'cart.shop'), ip)).toBe(port);
    }
  });

  it.each([
    undefined,
    '',
    'for=10.0.0.1:80',
    'for="10.0.0.1"',
    'for="10.0.0.1:"',
    'for="10.0.0.1:0"',
    'for="10.0.0.1:080"',
    'for="10.0.0.1:65536"',
    'for="10.0.0.1:100000"',
    'for="10.0.0.1:80',
    'for="10.0.0.1:80" ',
    'for="10.0.0.1:80", for="10.0.0.1:81"',
    'for="10.0.0.1:8e1"',
    'for="10.0.0.1:-80"',
    'for="10.0.0.11:80"',
    'for="10.0.0.2:80"',
    'for="[10.0.0.1]:80"',
    'for="[::ffff:10.0.0.1]:80"',
    'host=cart;for="10.0.0.1:80"',
  ])('is none when the field is %j', (text) => {
    expect(forwardedPort(text, '10.0.0.1')).toBe(0);
  });

  it('is a port or none, whatever a peer writes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (text, begun) => {
        const port = forwardedPort(begun ? `for="10.0.0.1:${text}` : text, '10.0.0.1');
        expect(Number.isInteger(port) && port >= 0 && port <= 65_535).toBe(true);
      }),
    );
  });
});

describe('the reason of a refusal', () => {
  it('carries a code and the policy', () => {
    expect(reasonOf(reasonField('AMBIT_POLICY_DENIED', 'shop/only-web'))).toEqual({
      code: 'AMBIT_POLICY_DENIED',
      policy: 'shop/only-web',
    });
    const converted = 'shop/converted_peer_authentication_default';
    expect(reasonOf(reasonField('AMBIT_POLICY_DENIED', converted))?.policy).toBe(converted);
    expect(reasonOf(reasonField('AMBIT_ROUTE_UNKNOWN'))).toEqual({ code: 'AMBIT_ROUTE_UNKNOWN', policy: undefined });
  });

  it.each([
    '',
    'denied',
    'AMBIT_X policy=',
    'AMBIT_X policy=a b',
    'AMBIT_X\u001b[31m',
    `AMBIT_${'X'.repeat(100)}`,
    'AMBIT_X policy=A',
  ])('is not believed when a peer says %j', (value) => {
    expect(reasonOf(['x-ambit-reason', value])).toBeUndefined();
  });
});
