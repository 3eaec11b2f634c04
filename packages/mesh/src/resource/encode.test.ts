import { ipToBytes } from '@ambit/core/address';
import { AuthorizationSchema, MatchSchema } from '@ambit/proto/authorization';
import { AddressSchema, ServiceSchema, WorkloadSchema } from '@ambit/proto/workload';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MeshStore } from '../mesh-store.ts';
import { authorize } from '../policy/authorize.ts';
import { spiffe, workload as modelOf } from '../test-model.ts';
import { openBatch } from './batch.ts';
import { encodeBatch, type RawResource, type Rejection } from './encode.ts';
import { validateAuthorization } from './read-policy.ts';
import { validateService } from './read-service.ts';
import { validateWorkload } from './read-workload.ts';
import { encodeSnapshot, resourceVersions } from './snapshot.ts';

type WorkloadInit = MessageInitShape<typeof WorkloadSchema>;
type ServiceInit = MessageInitShape<typeof ServiceSchema>;
type AuthorizationInit = MessageInitShape<typeof AuthorizationSchema>;
type MatchInit = MessageInitShape<typeof MatchSchema>;

const UID = 'cluster//Pod/shop/cart-1';
const HOST = 'cart.shop.svc.cluster.local';
const KEY = `shop/${HOST}`;
const CONNECTION = {
  identity: spiffe('shop', 'web'),
  sourceIp: '10.1.0.5',
  destinationIp: '10.1.0.9',
  destinationPort: 8080,
};

function workload(fields: WorkloadInit = {}, name = UID): RawResource {
  const value = create(WorkloadSchema, { uid: UID, name: 'cart-1', namespace: 'shop', tunnelProtocol: 1, ...fields });
  const address = create(AddressSchema, { type: { case: 'workload', value } });
  return { type: 'address', name, version: 'w1', bytes: toBinary(AddressSchema, address) };
}

function service(fields: ServiceInit = {}, name = KEY): RawResource {
  const value = create(ServiceSchema, { name: 'cart', namespace: 'shop', hostname: HOST, ...fields });
  const address = create(AddressSchema, { type: { case: 'service', value } });
  return { type: 'address', name, version: 's1', bytes: toBinary(AddressSchema, address) };
}

function authorization(fields: AuthorizationInit, name = 'shop/p'): RawResource {
  const message = create(AuthorizationSchema, { name: 'p', namespace: 'shop', scope: 1, ...fields });
  return { type: 'authorization', name, version: 'a1', bytes: toBinary(AuthorizationSchema, message) };
}

function oneMatch(match: MatchInit): AuthorizationInit {
  return { rules: [{ clauses: [{ matches: [match] }] }] };
}

/** Encodes as a control side does and applies as a data thread does. */
function send(store: MeshStore, ...resources: RawResource[]): Rejection[] {
  const generation = store.generation + 1;
  const { batch, rejected } = encodeBatch({ generation, resources, removals: [] });
  store.apply(structuredClone(batch));
  return rejected;
}

function ip(text: string, length?: number): { address: Uint8Array; length?: number } {
  return length === undefined ? { address: ipToBytes(text) } : { address: ipToBytes(text), length };
}

describe('a workload on its way to a thread', () => {
  it('keeps every field', () => {
    const store = new MeshStore();
    const rejected = send(
      store,
      workload({
        addresses: [ipToBytes('10.0.0.1'), ipToBytes('fd00::1')],
        hostname: 'Cart.Example',
        network: 'n1',
        trustDomain: 'td',
        serviceAccount: 'cart',
        node: 'node-a',
        canonicalName: 'cart',
        canonicalRevision: 'v2',
        workloadName: 'cart',
        workloadType: 1,
        nativeTunnel: true,
        authorizationPolicies: ['root/strict'],
        status: 1,
        clusterId: 'c1',
        capacity: 7,
        locality: { region: 'r', zone: 'z', subzone: 's' },
        applicationTunnel: { protocol: 1, port: 15_088 },
        waypoint: {
          destination: { case: 'hostname', value: { namespace: 'shop', hostname: 'wp.shop.svc.cluster.local' } },
          hboneMtlsPort: 15_008,
        },
        networkGateway: {
          destination: { case: 'address', value: { network: 'n1', address: ipToBytes('1.2.3.4') } },
          hboneMtlsPort: 15_008,
        },
        services: { [KEY]: { ports: [{ servicePort: 80, targetPort: 8080 }] } },
      }),
    );
    expect(rejected).toEqual([]);
    expect(store.findWorkload('n1', 'fd00::1')).toEqual(
      modelOf('cart-1', {
        uid: UID,
        identity: spiffe('shop', 'cart', 'td'),
        addresses: ['10.0.0.1', 'fd00::1'],
        hostname: 'cart.example',
        network: 'n1',
        node: 'node-a',
        canonicalName: 'cart',
        canonicalRevision: 'v2',
        workloadName: 'cart',
        workloadType: 'cronjob',
        nativeTunnel: true,
        authorizationPolicies: ['root/strict'],
        healthy: false,
        clusterId: 'c1',
        capacity: 7,
        locality: { region: 'r', zone: 'z', subzone: 's' },
        applicationTunnel: { protocol: 'proxy', port: 15_088 },
        waypoint: {
          destination: { kind: 'hostname', namespace: 'shop', hostname: 'wp.shop.svc.cluster.local' },
          hbonePort: 15_008,
        },
        networkGateway: { destination: { kind: 'address', network: 'n1', ip: '1.2.3.4' }, hbonePort: 15_008 },
        services: new Map([[KEY, [{ servicePort: 80, targetPort: 8080 }]]]),
      }),
    );
  });

  it('gets the defaults that ztunnel gives', () => {
    const store = new MeshStore();
    send(store, workload({ addresses: [ipToBytes('10.0.0.1')], tunnelProtocol: 0 }));
    const found = store.findWorkload('', '10.0.0.1');
    expect(found).toMatchObject({ clusterId: 'Kubernetes', capacity: 1, healthy: true, protocol: 'tcp' });
    expect(found?.identity).toEqual(spiffe('shop', 'default'));
  });

  it('is not found by address when it shares that with its node', () => {
    const store = new MeshStore();
    send(store, workload({ addresses: [ipToBytes('10.0.0.1')], networkMode: 1 }));
    expect(store.findWorkload('', '10.0.0.1')).toBeUndefined();
    expect(store.workloads.byUid(UID)?.model.addresses).toEqual(['10.0.0.1']);
  });

  it.each<[string, WorkloadInit, RegExp]>([
    ['an address of five bytes', { addresses: [new Uint8Array(5)] }, /addresses: an address has 4 or 16 bytes, not 5/],
    ['LEGACY_ISTIO_MTLS', { tunnelProtocol: 2 }, /tunnel_protocol: LEGACY_ISTIO_MTLS/],
    ['an unknown status', { status: 9 as never }, /status: value 9 is not supported/],
    [
      'a target port beyond 65535',
      { services: { [KEY]: { ports: [{ servicePort: 80, targetPort: 70_000 }] } } },
      /target_port: 70000/,
    ],
    ['a service key without namespace', { services: { cart: { ports: [] } } }, /"cart" is not namespace\/hostname/],
    [
      'a waypoint without destination',
      { waypoint: { hboneMtlsPort: 15_008 } },
      /waypoint: neither address nor hostname/,
    ],
    [
      'a waypoint without port',
      { waypoint: { destination: { case: 'hostname', value: { namespace: 'a', hostname: 'b' } } } },
      /waypoint.hbone_mtls_port: 0/,
    ],
    ['another name than its uid', { uid: 'else' }, /named "cluster\/\/Pod\/shop\/cart-1", but describes "else"/],
  ])('is refused with %s, and the last good one stays', (_case, fields, reason) => {
    const store = new MeshStore();
    send(store, workload({ addresses: [ipToBytes('10.0.0.1')] }));
    const rejected = send(store, workload({ addresses: [ipToBytes('10.0.0.2')], ...fields }));
    expect(rejected).toEqual([{ type: 'address', name: UID, reason: expect.stringMatching(reason) as string }]);
    expect(store.findWorkload('', '10.0.0.1')).toMatchObject({ uid: UID, invalid: undefined });
    expect(store.findWorkload('', '10.0.0.2')).toBeUndefined();
  });

  it('is refused when there is no good one: its address is known and takes no connection, until a good one comes', () => {
    const store = new MeshStore();
    const fields: WorkloadInit = { addresses: [ipToBytes('10.0.0.1')], services: { [KEY]: { ports: [] } } };
    send(store, workload({ ...fields, waypoint: { hboneMtlsPort: 15_008 } }));
    const found = store.findWorkload('', '10.0.0.1');
    expect(found?.uid).toBe(UID);
    expect(found?.invalid).toMatch(/waypoint: neither address nor hostname/);
    expect(store.endpoints(KEY)).toBeUndefined();
    expect(resourceVersions(store, 'address')).toEqual(new Map());
    const next = new MeshStore();
    next.apply(encodeSnapshot(store, 2));
    expect(next.findWorkload('', '10.0.0.1')).toEqual(found);
    send(next, workload(fields));
    expect(next.findWorkload('', '10.0.0.1')?.invalid).toBeUndefined();
    expect(next.endpoints(KEY)?.size).toBe(1);
    send(store, workload({ ...fields, addresses: [new Uint8Array(5)] }));
    expect(store.findWorkload('', '10.0.0.1')?.invalid).toMatch(/waypoint/);
  });
});

describe('a service on its way to a thread', () => {
  it('keeps what routing needs', () => {
    const store = new MeshStore();
    send(
      store,
      service({
        addresses: [ip('10.96.0.1'), { ...ip('10.97.0.0', 16), network: 'n1' }],
        ports: [{ servicePort: 80, targetPort: 8080, appProtocol: 1 }],
        subjectAltNames: ['spiffe://td/ns/a/sa/b'],
        loadBalancing: { routingPreference: [6, 1, 2], mode: 2, healthPolicy: 1 },
        ipFamilies: 3,
        canonical: true,
        visibility: 1,
        weightedWaypoints: [
          {
            weight: 3,
            destination: { destination: { case: 'address', value: ip('10.0.0.9') }, hboneMtlsPort: 15_008 },
          },
        ],
      }),
    );
    expect(store.services.byKey(KEY)?.model).toEqual({
      key: KEY,
      name: 'cart',
      namespace: 'shop',
      hostname: HOST,
      addresses: [
        { network: '', ip: '10.96.0.1', prefixLength: undefined },
        { network: 'n1', ip: '10.97.0.0', prefixLength: 16 },
      ],
      ports: [{ servicePort: 80, targetPort: 8080, appProtocol: 'http11' }],
      subjectAltNames: ['spiffe://td/ns/a/sa/b'],
      waypoints: [
        { weight: 3, address: { destination: { kind: 'address', network: '', ip: '10.0.0.9' }, hbonePort: 15_008 } },
      ],
      loadBalancing: { mode: 'failover', preferences: ['network', 'region', 'zone'], allowUnhealthy: true },
      ipFamilies: 'dual',
      canonical: true,
      namespaceOnly: true,
      ingressUseWaypoint: false,
      invalid: undefined,
    });
  });

  it.each<[string, ServiceInit, RegExp]>([
    ['a prefix beyond the address', { addresses: [ip('10.0.0.0', 33)] }, /addresses: 10.0.0.0\/33 is not a prefix/],
    ['a prefix that would wrap at 8 bits', { addresses: [ip('10.0.0.0', 256)] }, /10.0.0.0\/256 is not a prefix/],
    ['a port beyond 65535', { ports: [{ servicePort: 65_616 }] }, /ports.service_port: 65616/],
    ['an unknown load balancing mode', { loadBalancing: { mode: 9 as never } }, /load_balancing.mode: value 9/],
    ['no hostname', { hostname: '' }, /hostname: is empty/],
  ])('is refused with %s', (_case, fields, reason) => {
    const store = new MeshStore();
    expect(send(store, service(fields))).toEqual([
      { type: 'address', name: KEY, reason: expect.stringMatching(reason) as string },
    ]);
    expect(store.services.size).toBe(0);
  });

  it('refuses connections when its first version is invalid and named a waypoint', () => {
    const store = new MeshStore();
    const waypoint = { destination: { case: 'address' as const, value: ip('10.0.0.9') }, hboneMtlsPort: 15_008 };
    const broken = { addresses: [ip('10.96.0.1')], ports: [{ servicePort: 70_000 }], waypoint };
    send(store, service(broken));
    expect(store.findService('', '10.96.0.1', 'shop')?.invalid).toMatch(/70000/);
    send(store, service({ addresses: [ip('10.96.0.1')], waypoint }));
    send(store, service(broken));
    expect(store.findService('', '10.96.0.1', 'shop')?.invalid).toBeUndefined();
  });
});

describe('a policy on its way to a thread', () => {
  const pod = modelOf('cart');
  const allowed = (store: MeshStore) => authorize(CONNECTION, store.policiesFor(pod)).allowed;

  it('keeps what it says', () => {
    const store = new MeshStore();
    const fields: AuthorizationInit = {
      action: 1,
      ...oneMatch({
        principals: [{ matchType: { case: 'prefix', value: 'cluster.local/ns/shop/' } }],
        notPrincipals: [{ matchType: { case: 'presence', value: {} } }],
        sourceIps: [ip('10.1.0.0', 16)],
        notDestinationPorts: [1, 65_535],
        serviceAccounts: [{ namespace: 'shop', serviceAccount: 'web' }],
      }),
    };
    expect(send(store, authorization(fields))).toEqual([]);
    const [rule] = store.policies.byKey('shop/p')?.model.rules ?? [];
    expect(rule?.clauses[0]?.matches[0]).toMatchObject({
      principals: [{ kind: 'prefix', value: 'cluster.local/ns/shop/' }],
      notPrincipals: [{ kind: 'presence' }],
      sourceIps: ['10.1.0.0/16'],
      destinationPorts: [],
      notDestinationPorts: [1, 65_535],
      serviceAccounts: [{ namespace: 'shop', serviceAccount: 'web' }],
    });
  });

  it('reads a prefix of IPv4 addresses that are mapped into IPv6', () => {
    const store = new MeshStore();
    const mapped = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 1, 0, 0]);
    send(store, authorization({ action: 1, ...oneMatch({ sourceIps: [{ address: mapped, length: 112 }] }) }));
    expect(allowed(store)).toBe(false);
  });

  it.each<[string, AuthorizationInit, RegExp]>([
    ['a prefix length of 256', oneMatch({ sourceIps: [ip('10.0.0.0', 256)] }), /source_ips\[0\]: 10.0.0.0\/256/],
    [
      'an address of three bytes',
      oneMatch({ sourceIps: [{ address: new Uint8Array(3), length: 8 }] }),
      /4 or 16 bytes, not 3/,
    ],
    ['a port that would wrap at 16 bits', oneMatch({ destinationPorts: [65_616] }), /destination_ports\[0\]: 65616/],
    ['a string match without type', oneMatch({ principals: [{}] }), /principals\[0\]: none of exact/],
    ['a service account without name', oneMatch({ serviceAccounts: [{ namespace: 'a' }] }), /service_accounts\[0\]/],
    ['an extension', oneMatch({ extensions: [{ name: 'geo' }] }), /extensions: geo not supported/],
    ['an unknown scope', { scope: 7 as never }, /scope: value 7/],
  ])('is refused with %s, and closes what it cannot say', (_case, fields, reason) => {
    const store = new MeshStore();
    const rejected = send(store, authorization({ action: 0, ...fields }));
    expect(rejected).toEqual([
      { type: 'authorization', name: 'shop/p', reason: expect.stringMatching(reason) as string },
    ]);
    expect(allowed(store)).toBe(false);
    const denying = new MeshStore();
    send(denying, authorization({ action: 1, rules: [{}], ...fields }));
    expect(authorize(CONNECTION, denying.policiesFor(pod))).toMatchObject({
      reason: 'policy-invalid',
      policy: 'shop/p',
    });
  });

  it('refuses with an action or bytes that nobody knows', () => {
    const store = new MeshStore();
    send(store, authorization({ action: 3 as never, rules: [{}] }));
    expect(authorize(CONNECTION, store.policiesFor(pod)).reason).toBe('policy-invalid');
    const garbage = new MeshStore();
    const rejected = send(garbage, { type: 'authorization', name: 'shop/p', bytes: Uint8Array.of(0xff, 0xff) });
    expect(rejected[0]?.reason).toMatch(/cannot be decoded/);
    expect(allowed(garbage)).toBe(false);
  });

  it('is refused when it has a condition that this version does not know', () => {
    const store = new MeshStore();
    const narrow = create(MatchSchema, { destinationPorts: [8080] });
    narrow.$unknown = [{ no: 99, wireType: WireType.Varint, data: Uint8Array.of(1) }];
    const rejected = send(store, authorization(oneMatch(narrow)));
    expect(rejected[0]?.reason).toMatch(/matches\[0\]: field number 99 is not known/);
    expect(allowed(store)).toBe(false);
  });

  it('keeps the last good version beside a refused one', () => {
    const store = new MeshStore();
    send(store, authorization(oneMatch({ destinationPorts: [8080] })));
    expect(send(store, authorization(oneMatch({ destinationPorts: [70_000] })))).toHaveLength(1);
    expect(allowed(store)).toBe(true);
    expect(resourceVersions(store, 'authorization')).toEqual(new Map([['shop/p', 'a1']]));
  });

  it('is never laxer for what could not be read', () => {
    const port = fc.constantFrom(80, 8080, 70_000, 131_072);
    const text = fc.constantFrom('shop', 'web', undefined);
    const prefix = fc.constantFrom(ip('10.1.0.0', 16), ip('10.1.0.5', 32), ip('10.1.0.5', 33));
    const few = <T>(values: fc.Arbitrary<T>) => fc.oneof(fc.constant<T[]>([]), fc.array(values, { maxLength: 2 }));
    const drafts = fc.record({
      destinationPorts: few(port),
      notDestinationPorts: few(port),
      namespaces: few(text),
      notNamespaces: few(text),
      sourceIps: few(prefix),
      notSourceIps: few(prefix),
    });
    /** What the unreadable values may have meant. */
    const meant = fc.record({
      port: fc.constantFrom(80, 8080),
      text: fc.constantFrom('shop', 'web'),
      length: fc.constantFrom(8, 32),
    });
    fc.assert(
      fc.property(drafts, meant, fc.constantFrom(0 as const, 1 as const), (draft, intent, action) => {
        const strings = (values: (string | undefined)[], fallback?: string) =>
          values.map((value) => ({
            matchType:
              value === undefined && fallback === undefined
                ? { case: undefined }
                : { case: 'exact' as const, value: value ?? fallback ?? '' },
          }));
        const written: MatchInit = {
          ...draft,
          namespaces: strings(draft.namespaces),
          notNamespaces: strings(draft.notNamespaces),
        };
        const ports = (values: number[]) => values.map((value) => (value > 65_535 ? intent.port : value));
        const prefixes = (values: ReturnType<typeof ip>[]) =>
          values.map(({ address, length }) => ({ address, length: length === 33 ? intent.length : (length ?? 0) }));
        const intended: MatchInit = {
          destinationPorts: ports(draft.destinationPorts),
          notDestinationPorts: ports(draft.notDestinationPorts),
          namespaces: strings(draft.namespaces, intent.text),
          notNamespaces: strings(draft.notNamespaces, intent.text),
          sourceIps: prefixes(draft.sourceIps),
          notSourceIps: prefixes(draft.notSourceIps),
        };
        const decide = (match: MatchInit) => {
          const store = new MeshStore();
          send(store, authorization({ action, ...oneMatch(match) }));
          return allowed(store);
        };
        if (decide(written)) expect(decide(intended)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('validation alone', () => {
  it('gives the reasons that a proxy would give, for whoever makes resources', () => {
    expect(validateWorkload(create(WorkloadSchema, { uid: UID, tunnelProtocol: 2 }))).toEqual([
      'tunnel_protocol: LEGACY_ISTIO_MTLS is not supported, only NONE and HBONE',
    ]);
    expect(validateService(create(ServiceSchema, { hostname: HOST, ports: [{ servicePort: 0 }] }))).toEqual([
      'ports.service_port: 0 is not a port (1 to 65535)',
    ]);
    const draft = create(AuthorizationSchema, { name: 'p', ...oneMatch({ notDestinationPorts: [70_000] }) });
    expect(validateAuthorization(draft)).toEqual([
      'rules[0].clauses[0].matches[0].not_destination_ports[0]: 70000 is not a port (1 to 65535)',
    ]);
    expect(validateService(create(ServiceSchema, { hostname: HOST }))).toEqual([]);
  });
});

describe('a batch', () => {
  it('puts policies before what names them and takes them away after', () => {
    const { batch } = encodeBatch({
      generation: 7,
      resources: [workload(), service(), authorization({})],
      removals: [
        { type: 'authorization', name: 'shop/old' },
        { type: 'address', name: 'cluster//Pod/shop/old' },
      ],
    });
    const store = new MeshStore();
    const order: string[] = [];
    store.enqueue(batch);
    for (let left = true; left; ) {
      left = store.applySlice(0, () => 0);
      const changes = store.takeChanges();
      order.push(...(changes?.policies ?? []), ...(changes?.services ?? []), ...(changes?.workloads ?? []));
    }
    expect(order).toEqual(['shop/p', KEY, UID]);
    expect(store.generation).toBe(7);
  });

  it('comes back from bytes that were kept, versions included', () => {
    const store = new MeshStore();
    send(store, workload({ addresses: [ipToBytes('10.0.0.1')] }), service(), authorization({}));
    const kept = new SharedArrayBuffer(encodeSnapshot(store, 9).bytes.byteLength);
    new Uint8Array(kept).set(new Uint8Array(encodeSnapshot(store, 9).bytes));
    const next = new MeshStore();
    next.apply(openBatch(kept));
    expect(next.generation).toBe(9);
    expect(next.findWorkload('', '10.0.0.1')).toEqual(store.findWorkload('', '10.0.0.1'));
    expect(resourceVersions(next, 'address')).toEqual(
      new Map([
        [UID, 'w1'],
        [KEY, 's1'],
      ]),
    );
  });

  it('is made of whatever the controller sends, and names what is no resource', () => {
    const good = workload().bytes;
    const damaged = fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, value]) => good.with(at, value));
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 64 }), damaged);
    fc.assert(
      fc.property(bytes, fc.constantFrom('address' as const, 'authorization' as const), (sent, type) => {
        const resource: RawResource = { type, name: UID, bytes: sent };
        const { batch, rejected } = encodeBatch({ generation: 1, resources: [resource], removals: [] });
        const store = new MeshStore();
        store.apply(batch);
        for (const { model } of [...store.workloads.all(), ...store.services.all(), ...store.policies.all()]) {
          expect(model).toBeDefined();
        }
        if (type === 'authorization') expect(store.policies.size).toBe(1);
        else if (rejected.length === 0) expect(store.workloads.size + store.services.size).toBe(1);
        else for (const { model } of store.workloads.all()) expect(model.invalid).toBe(rejected[0]?.reason);
      }),
      { numRuns: 500 },
    );
  });

  it('that was cut off, or was written by somebody else, is refused', () => {
    const { batch } = encodeBatch({ generation: 1, resources: [workload()], removals: [] });
    for (let length = 0; length < batch.bytes.byteLength; length += 7) {
      const cut = new SharedArrayBuffer(length);
      new Uint8Array(cut).set(new Uint8Array(batch.bytes).subarray(0, length));
      expect(() => openBatch(cut)).toThrow(/AMBIT_RESOURCE_BATCH|not written by this version|ends in the middle/);
    }
  });
});
