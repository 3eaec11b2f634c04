import { change, removal, storeOf, workload } from '@ambit/mesh/test-model';
import { describe, expect, it } from 'vitest';
import { FailedEndpoints } from './failed-endpoints.ts';

describe('endpoints that failed a connection', () => {
  const cart = workload('cart', { addresses: ['10.0.0.1'] });
  const other = workload('other', { addresses: ['10.0.0.2'] });

  it.each([
    ['news of others', { workloads: [workload('third')] }, true],
    ['another description', { workloads: [workload('cart', { addresses: ['10.0.0.9'] })] }, false],
  ])('after %s are passed over: %o %s', (_, news, passedOver) => {
    const store = storeOf({ workloads: [cart, other] });
    const failed = new FailedEndpoints();
    const { model } = store.workloads.byUid(cart.uid) ?? {};
    if (model === undefined) throw new Error('the mesh does not know it');
    failed.add(model);
    change(store, news);
    failed.forgetChanged(store);
    expect(failed.uids.has(cart.uid)).toBe(passedOver);
    expect(failed.uids.has(other.uid)).toBe(false);
  });

  it('are no longer known when they have left the mesh', () => {
    const store = storeOf({ workloads: [cart] });
    const failed = new FailedEndpoints();
    failed.add(cart);
    change(store, {}, [removal('remove-address', cart.uid)]);
    failed.forgetChanged(store);
    expect(failed.uids.size).toBe(0);
  });
});
