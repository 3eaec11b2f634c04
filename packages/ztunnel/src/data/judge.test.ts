import { ManualClock } from '@ambit/core/clock';
import type { Decision } from '@ambit/mesh/policy/decision';
import { change, policy, removal, spiffe, storeOf, workload } from '@ambit/mesh/test-model';
import { Reactor } from '@ambit/reactor/reactor';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PENDING_POLICY_WAIT } from '../limits.ts';
import { Judge, type JudgedConnection } from './judge.ts';

const POD = { uid: 'u1', name: 'server', namespace: 'shop', serviceAccount: 'server' };
const SERVER = workload('server', { namespace: 'shop', identity: spiffe('shop', 'server') });
const NO_CLIENT = policy(
  'no-client',
  { namespaces: [{ kind: 'exact', value: 'client' }] },
  { action: 'deny', namespace: 'shop' },
);

let clock: ManualClock;
let reactor: Reactor;
let errors: string[];

beforeEach(() => {
  clock = new ManualClock();
  errors = [];
  reactor = new Reactor({ clock, onError: (error) => errors.push(error.message) });
});

afterEach(() => {
  reactor.dispose();
});

/** Lets time pass on the loop. */
function pass(milliseconds: number): void {
  clock.advance(milliseconds);
  reactor.runTurn(0);
}

function connection(onForbidden: (decision: Decision) => void = () => undefined): JudgedConnection {
  const facts = {
    identity: spiffe('client', 'client'),
    sourceIp: '10.0.0.9',
    destinationIp: '10.0.0.1',
    destinationPort: 80,
  };
  return { pod: POD, facts, judgedPlace: -1, onForbidden };
}

describe('Judge', () => {
  it('refuses connections to a pod that the controller never describes, after a wait', () => {
    const judge = new Judge(reactor, storeOf({}));
    const decisions: Decision[] = [];
    judge.ask(connection(), (decision) => decisions.push(decision));
    pass(PENDING_POLICY_WAIT - 200);
    expect(decisions).toEqual([]);
    pass(400);
    expect(decisions.map(({ allowed }) => allowed)).toEqual([false]);
  });

  it('decides as soon as what it waited for arrives', () => {
    const store = storeOf({ workloads: [{ ...SERVER, authorizationPolicies: ['shop/late'] }] });
    const judge = new Judge(reactor, store);
    const decisions: Decision[] = [];
    judge.ask(connection(), (decision) => decisions.push(decision));
    expect(decisions).toEqual([]);
    change(store, {
      policies: [
        policy('late', { namespaces: [{ kind: 'exact', value: 'client' }] }, { namespace: 'shop', scope: 'workload' }),
      ],
    });
    const changes = store.takeChanges();
    if (changes !== undefined) judge.reconsider(changes);
    expect(decisions.map(({ allowed, policy: name }) => [allowed, name])).toEqual([[true, 'shop/late']]);
  });

  it('cuts every live connection that a new policy forbids, also when cutting one of them throws', () => {
    const store = storeOf({ workloads: [SERVER] });
    store.takeChanges();
    const judge = new Judge(reactor, store);
    const cut: string[] = [];
    judge.watch(
      connection(() => {
        throw new Error('this one cannot be cut');
      }),
    );
    judge.watch(connection((decision) => cut.push(decision.policy ?? '')));
    change(store, { policies: [NO_CLIENT] });
    const changes = store.takeChanges();
    if (changes !== undefined) judge.reconsider(changes);
    expect(cut).toEqual(['shop/no-client']);
    expect(errors).toHaveLength(1);
  });

  it('leaves live connections alone that were released, and those of a pod that is no longer described', () => {
    const store = storeOf({ workloads: [SERVER] });
    store.takeChanges();
    const judge = new Judge(reactor, store);
    const cut: string[] = [];
    const released = connection(() => cut.push('released'));
    judge.watch(released);
    judge.release(released);
    judge.watch(connection(() => cut.push('described no more')));
    change(store, { policies: [NO_CLIENT] }, [removal('remove-address', SERVER.uid)]);
    const changes = store.takeChanges();
    if (changes !== undefined) judge.reconsider(changes);
    pass(PENDING_POLICY_WAIT * 2);
    expect(cut).toEqual([]);
  });

  it('cuts a live connection when the policy that is now named for its pod never arrives', () => {
    const store = storeOf({ workloads: [SERVER] });
    store.takeChanges();
    const judge = new Judge(reactor, store);
    const cut: Decision[] = [];
    judge.watch(connection((decision) => cut.push(decision)));
    change(store, { workloads: [{ ...SERVER, authorizationPolicies: ['shop/lost'] }] });
    const changes = store.takeChanges();
    if (changes !== undefined) judge.reconsider(changes);
    expect(cut).toEqual([]);
    pass(PENDING_POLICY_WAIT + 200);
    expect(cut.map(({ policy: name }) => name)).toEqual(['shop/lost']);
  });
});
