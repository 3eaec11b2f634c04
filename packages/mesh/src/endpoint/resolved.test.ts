import { describe, expect, it } from 'vitest';
import { answerDns } from '../dns/answer.ts';
import { formatWorkload, parseWorkload } from '../resource/workload-record.ts';
import { routeOutbound } from '../route/outbound.ts';
import { change, choiceOf, clientFor, endpointOf, service, storeOf, workload } from '../test-model.ts';
import type { Workload } from '../workload.ts';

const API = service('api', ['240.240.0.1'], { hostname: 'api.example.com' });
const CLIENT = clientFor(storeOf({}), workload('web', { addresses: ['10.0.0.1'] }));

/** An endpoint of the service that is known by a name. */
function named(addresses: readonly string[], failure?: string, fields: Partial<Workload> = {}): Workload {
  return workload('ext', {
    ...{ hostname: 'ext.example.com', addresses, hostNetwork: true, protocol: 'tcp', services: endpointOf(API) },
    resolution: { failure },
    ...fields,
  });
}

function drawn(workloads: readonly Workload[], draws: readonly number[], excluded?: ReadonlySet<string>): string[] {
  const store = storeOf({ services: [API], workloads: [...workloads] });
  return draws.map((draw) => {
    const route = routeOutbound(store, CLIENT, { ip: '240.240.0.1', port: 80 }, choiceOf([draw]), excluded);
    return 'target' in route ? `${route.kind} ${route.target.ip}:${route.target.port}` : route.kind;
  });
}

describe('an endpoint whose name stands for several addresses', () => {
  it('is drawn at each of them', () => {
    expect(drawn([named(['192.0.2.1', '192.0.2.2'])], [0, 0.9])).toEqual([
      'plain 192.0.2.1:8080',
      'plain 192.0.2.2:8080',
    ]);
  });

  it('is tried at another one when the first has failed', () => {
    const excluded = new Set([`${named([]).uid}@192.0.2.1`]);
    expect(drawn([named(['192.0.2.1', '192.0.2.2'])], [0], excluded)).toEqual(['plain 192.0.2.2:8080']);
  });

  it('comes after all others as long as it has none', () => {
    const other = named(['192.0.2.9'], undefined, { uid: 'other', hostname: 'other.example.com' });
    expect(drawn([named([], 'ENOTFOUND'), other], [0, 0.9])).toEqual(['plain 192.0.2.9:8080', 'plain 192.0.2.9:8080']);
    expect(drawn([named([], 'ENOTFOUND')], [0])).toEqual(['unresolved']);
  });

  it('is found by none of them: they may be those of somebody else', () => {
    const store = storeOf({ workloads: [named(['192.0.2.1'])] });
    expect(store.findWorkload('', '192.0.2.1')).toBeUndefined();
    const question = { name: 'ext.example.com', type: 'A' } as const;
    expect(answerDns(store, CLIENT, question, { random: () => 0 })).toEqual({ kind: 'forward' });
  });

  it('is retired at those that it has lost, and at no others', () => {
    const store = storeOf({ services: [API], workloads: [named(['192.0.2.1', '192.0.2.2'])] });
    store.takeChanges();
    const { uid } = named([]);
    expect(store.workloads.byUid(uid)?.model.addresses).toHaveLength(2);
    change(store, { workloads: [named(['192.0.2.2', '192.0.2.3'])] });
    const retired = store.takeChanges()?.retiredWorkloads ?? new Set();
    expect(retired.has(`${uid}@192.0.2.1`)).toBe(true);
    expect(retired.has(`${uid}@192.0.2.2`)).toBe(false);
  });

  it.each([
    ['known', named(['192.0.2.1'])],
    ['old', named(['192.0.2.1'], 'ETIMEOUT')],
    ['not known', named([])],
    ['not found', named([], 'ENOTFOUND')],
    ['its own', workload('ext', { hostname: 'ext.example.com', addresses: ['192.0.2.1'] })],
  ])('crosses threads: %s', (_, model) => {
    const { keys, record } = formatWorkload(model);
    expect(parseWorkload(keys, record)).toEqual(model);
  });
});
