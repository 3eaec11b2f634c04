import { describe, expect, it } from 'vitest';
import { endpointOf, port, service, storeOf, workload } from '../test-model.ts';
import { askedService } from './asked-service.ts';

const CART = service('cart', ['10.96.0.1'], { ports: [port(80, 8080), port(443, 8443)] });
const CANARY = service('cart-canary', ['10.96.0.2'], { ports: [port(80, 8080)] });
const ORDERS = service('orders', ['10.96.0.3'], { ports: [port(80, 8080)] });
const POD = workload('cart-1', {
  addresses: ['10.0.0.5'],
  services: new Map([...endpointOf(CART), ...endpointOf(CANARY)]),
});
const STORE = storeOf({ services: [CART, CANARY, ORDERS], workloads: [POD] });

describe('the service as whose endpoint a pod is reached', () => {
  it.each([
    ['the one that was dialled', 8080, CANARY.hostname, CANARY],
    ['the one that was dialled, also at a port that it is not known to lead to', 9999, CART.hostname, CART],
    ['the only one that leads to the port, when none is named', 8443, undefined, CART],
    ['the only one that leads to the port, when a name is that of others', 8443, ORDERS.hostname, CART],
    ['none of several', 8080, undefined, undefined],
    ['none of several, whatever else is claimed', 8080, ORDERS.hostname, undefined],
    ['none for the end of a name', 8080, CANARY.hostname.slice(5), undefined],
    ['none for an empty name', 8080, '', undefined],
    ['none at a port of none', 9999, undefined, undefined],
  ])('is %s', (_name, at, host, expected) => {
    expect(askedService(STORE, POD, at, host)?.key).toBe(expected?.key);
  });

  it('is known by the common target where the pod has none of its own', () => {
    const services = new Map([[CART.key, [{ servicePort: 443, targetPort: 0 }]]]);
    expect(askedService(STORE, { ...POD, services }, 8443, undefined)?.key).toBe(CART.key);
    expect(askedService(STORE, { ...POD, services }, 443, undefined)).toBeUndefined();
  });
});
