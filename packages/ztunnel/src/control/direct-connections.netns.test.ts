import '@ambit/native/arm-faults';
import { execFileSync } from 'node:child_process';
import { ManualClock } from '@ambit/core/clock';
import type { MeshStore } from '@ambit/mesh/mesh-store';
import { change, policy, storeOf, workload } from '@ambit/mesh/test-model';
import { close } from '@ambit/native/descriptor';
import { ECONNRESET } from '@ambit/native/errno';
import { clearFaults, failCall } from '@ambit/native/fault';
import { openTcpListener } from '@ambit/native/listening-socket';
import { allocate } from '@ambit/native/memory';
import { createNetworkNamespace, inNamespace } from '@ambit/native/namespace';
import { accept4, connect, openTcpSocket, recv } from '@ambit/native/socket';
import { AF_INET } from '@ambit/native/socket-address';
import { untilReadable } from '@ambit/native/test-readiness';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PENDING_POLICY_WAIT } from '../limits.ts';
import type { Pod } from '../messages.ts';
import { DirectConnections } from './direct-connections.ts';

const POD = '10.1.0.1';
const CLIENT = '10.1.0.2';
const WEB = workload('web', { addresses: [POD] });
/** As STRICT arrives: who has no identity is denied. */
const DENIED = policy('strict', { notPrincipals: [{ kind: 'presence' }] }, { action: 'deny' });
/** Not permitted. */
const EPERM = 1;
const memory = allocate(16);

describe('plaintext that a pod accepted before it was enrolled', () => {
  let clock: ManualClock;
  let store: MeshStore;
  let pod: number;
  let client: number;
  let connection: number;
  let served: boolean;
  let said: string[];
  let direct: DirectConnections;
  const open: number[] = [];

  const isReset = (): boolean => recv(connection, memory.address, 1) === -ECONNRESET;
  const told = (mesh: Parameters<typeof change>[1]): void => {
    change(store, mesh);
    const changes = store.takeChanges();
    if (changes !== undefined) direct.meshChanged(changes);
    clock.advance(0);
  };

  beforeEach(() => {
    pod = createNetworkNamespace();
    client = createNetworkNamespace();
    const at = (fd: number): string => `/proc/${process.pid}/fd/${fd}`;
    execFileSync('ip', ['link', 'add', 'eth0', 'netns', at(pod), 'type', 'veth', 'peer', 'eth0', 'netns', at(client)]);
    for (const [namespace, ip] of [
      [pod, POD],
      [client, CLIENT],
    ] as const) {
      inNamespace(namespace, () => {
        execFileSync('ip', ['addr', 'add', `${ip}/24`, 'dev', 'eth0']);
        execFileSync('ip', ['link', 'set', 'eth0', 'up']);
      });
    }
    const listener = openTcpListener({ address: { ip: '::', port: 80 }, namespace: pod });
    connection = inNamespace(client, () => openTcpSocket(AF_INET));
    connect(connection, { ip: POD, port: 80 });
    untilReadable(listener);
    open.push(listener, connection, accept4(listener), pod, client);

    clock = new ManualClock();
    store = storeOf({ workloads: [WEB], policies: [DENIED] });
    store.takeChanges();
    served = true;
    said = [];
    const info = { uid: 'u1', name: 'web', namespace: 'shop', serviceAccount: 'web' };
    const listeners = { outbound: -1, plaintext: -1, hbone: -1, dnsUdp: [], dnsTcp: [] };
    const known: Pod = { number: 1, info, namespace: pod, listeners, descriptors: new SharedArrayBuffer(0) };
    direct = new DirectConnections({
      clock,
      store: () => store,
      pod: () => (served ? known : undefined),
      onReset: ({ decision }) => said.push(`reset by ${decision.policy ?? ''}`),
      onFailed: (_pod, error, count) => said.push(`${error.code} ${count}`),
      onSummary: (_pod, summary) => said.push(summary),
    });
  });
  afterEach(() => {
    expect(clearFaults()).toEqual([]);
    for (const fd of open.splice(0)) close(fd);
  });

  it('is reset when policies forbid it, as soon as plaintext is redirected', () => {
    clock.advance(60_000);
    expect(isReset()).toBe(false);
    direct.redirected('u1', true);
    clock.advance(0);
    expect(isReset()).toBe(true);
    expect(said).toEqual([
      'reset by shop/strict',
      expect.stringMatching(
        /^a plaintext connection from 10\.1\.0\.2:\d+ older than the enrolment of the pod: reset, denied by policy shop\/strict/,
      ),
    ]);
  });

  it('is left alone by a pod that has left, or to which plaintext comes directly again', () => {
    direct.redirected('u1', true);
    direct.redirected('u1', false);
    clock.advance(60_000);
    served = false;
    direct.redirected('u1', true);
    clock.advance(60_000);
    expect(isReset()).toBe(false);
    expect(said).toEqual([]);
  });

  it('is judged when its pod is described, and waits a while for a policy that is named and has not come', () => {
    store = storeOf({});
    direct.redirected('u1', true);
    clock.advance(60_000);
    expect(isReset()).toBe(false);
    told({ workloads: [{ ...WEB, authorizationPolicies: ['istio-system/late'] }] });
    clock.advance(PENDING_POLICY_WAIT - 1);
    expect(isReset()).toBe(false);
    clock.advance(1);
    expect(isReset()).toBe(true);
  });

  it('lives on when the policy that was waited for allows it', () => {
    store = storeOf({ workloads: [{ ...WEB, authorizationPolicies: ['istio-system/late'] }] });
    direct.redirected('u1', true);
    clock.advance(PENDING_POLICY_WAIT - 1);
    const others = { namespaces: [{ kind: 'exact', value: 'elsewhere' }] } as const;
    told({ policies: [policy('late', others, { namespace: 'istio-system', scope: 'workload', action: 'deny' })] });
    clock.advance(60_000);
    expect(isReset()).toBe(false);
  });

  it('that cannot be reset is said so, and tried again with the next change', () => {
    // The two dumps before it pass.
    failCall('send', 3, EPERM);
    direct.redirected('u1', true);
    clock.advance(0);
    expect(isReset()).toBe(false);
    expect(said).toEqual(['AMBIT_DIRECT_CONNECTIONS 1', expect.stringMatching(/shop\/web.*EPERM.*CAP_NET_ADMIN/)]);
    told({ policies: [{ ...DENIED, key: 'shop/other', name: 'other' }] });
    expect(isReset()).toBe(true);
  });

  it('that cannot be looked at is said so', () => {
    failCall('socket', 1, EPERM);
    direct.redirected('u1', true);
    clock.advance(0);
    expect(said).toEqual(['AMBIT_DIRECT_CONNECTIONS 0']);
  });
});
