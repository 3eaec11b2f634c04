import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { Action, AUTHORIZATION_TYPE_URL, AuthorizationSchema, Scope } from './authorization.ts';
import { IstioCertificateRequestSchema, IstioCertificateResponseSchema, IstioCertificateService } from './ca.ts';
import { AggregatedDiscoveryService, DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema } from './discovery.ts';
import { ADDRESS_TYPE_URL, AddressSchema, AppProtocol, TunnelProtocol, WorkloadStatus } from './workload.ts';
import { Version, WorkloadRequestSchema, WorkloadResponseSchema, ZdsHelloSchema } from './zds.ts';

/** A field with length: `tag`, then the length of `content`, then it. Tag = number * 8 + 2. */
function framed(tag: string, ...content: string[]): string {
  const joined = content.join('');
  return tag + (joined.length / 2).toString(16).padStart(2, '0') + joined;
}

function text(value: string): string {
  return Buffer.from(value).toString('hex');
}

function expectWire<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>, hex: string): void {
  const message = create(schema, init);
  expect(Buffer.from(toBinary(schema, message)).toString('hex')).toBe(hex);
  expect(fromBinary(schema, new Uint8Array(Buffer.from(hex, 'hex')))).toEqual(message);
}

describe('ZDS', () => {
  it('says hello with version 1', () => expectWire(ZdsHelloSchema, { version: Version.V1 }, '0801'));

  it('adds a pod as field 1 with its identity in field 2', () =>
    expectWire(
      WorkloadRequestSchema,
      {
        payload: {
          case: 'add',
          value: { uid: 'u', workloadInfo: { name: 'n', namespace: 's', serviceAccount: 'a' } },
        },
      },
      framed(
        '0a',
        framed('0a', text('u')),
        framed('12', framed('0a', text('n')), framed('12', text('s')), framed('1a', text('a'))),
      ),
    ));

  it('deletes by uid in field 2, unlike the other messages', () =>
    expectWire(
      WorkloadRequestSchema,
      { payload: { case: 'del', value: { uid: 'u' } } },
      framed('12', framed('12', text('u'))),
    ));

  it('ends a snapshot with field 3', () =>
    expectWire(WorkloadRequestSchema, { payload: { case: 'snapshotSent', value: {} } }, '1a00'));

  it('keeps as field 5', () =>
    expectWire(
      WorkloadRequestSchema,
      { payload: { case: 'keep', value: { uid: 'u' } } },
      framed('2a', framed('0a', text('u'))),
    ));

  it('acknowledges with an empty message, or with the error', () => {
    expectWire(WorkloadResponseSchema, { payload: { case: 'ack', value: {} } }, '0a00');
    expectWire(
      WorkloadResponseSchema,
      { payload: { case: 'ack', value: { error: 'x' } } },
      framed('0a', framed('0a', text('x'))),
    );
  });
});

describe('Address', () => {
  it('has the name that subscriptions use', () => {
    expect(ADDRESS_TYPE_URL).toBe(`type.googleapis.com/${AddressSchema.typeName}`);
  });

  it('carries a workload as field 1', () =>
    expectWire(
      AddressSchema,
      {
        type: {
          case: 'workload',
          value: {
            name: 'w',
            addresses: [Uint8Array.of(10, 0, 0, 1)],
            tunnelProtocol: TunnelProtocol.HBONE,
            serviceAccount: 'a',
            waypoint: {
              destination: { case: 'address', value: { network: 'n', address: Uint8Array.of(10, 0, 0, 2) } },
              hboneMtlsPort: 15008,
            },
            authorizationPolicies: ['s/p'],
            status: WorkloadStatus.UNHEALTHY,
            uid: 'u',
            services: { 's/h': { ports: [{ servicePort: 80, targetPort: 8080, appProtocol: AppProtocol.HTTP2 }] } },
            locality: { region: 'r', zone: 'z', subzone: 'y' },
            capacity: 3,
          },
        },
      },
      framed(
        '0a',
        framed('0a', text('w')),
        '1a040a000001',
        '2801',
        framed('3a', text('a')),
        framed('42', framed('12', framed('0a', text('n')), '12040a000002'), '18a075'),
        framed('8201', text('s/p')),
        '880101',
        framed('a201', text('u')),
        framed('b201', framed('0a', text('s/h')), framed('12', framed('0a', '0850', '10903f', '1802'))),
        framed('c201', framed('0a', text('r')), framed('12', text('z')), framed('1a', text('y'))),
        framed('da01', '0803'),
      ),
    ));

  it('carries a service as field 2, with a range as address', () =>
    expectWire(
      AddressSchema,
      {
        type: {
          case: 'service',
          value: {
            name: 'n',
            namespace: 's',
            hostname: 'h',
            addresses: [{ address: Uint8Array.of(10, 0, 0, 0), length: 8 }],
            ports: [{ servicePort: 80 }],
            subjectAltNames: ['spiffe://x'],
            waypoint: { destination: { case: 'hostname', value: { namespace: 'a', hostname: 'b' } } },
            loadBalancing: { routingPreference: [4, 2], mode: 2, healthPolicy: 1 },
            ipFamilies: 3,
            canonical: true,
            visibility: 1,
          },
        },
      },
      framed(
        '12',
        framed('0a', text('n')),
        framed('12', text('s')),
        framed('1a', text('h')),
        framed('22', '12040a000000', '1808'),
        framed('2a', '0850'),
        framed('32', text('spiffe://x')),
        framed('3a', framed('0a', framed('0a', text('a')), framed('12', text('b')))),
        framed('42', framed('0a', '0402'), '1002', '1801'),
        '4803',
        '5801',
        '7001',
      ),
    ));

  it('tells a range of length 0 from a single address', () => {
    const bytes = Buffer.from('1200', 'hex');
    expect(fromBinary(AddressSchema, bytes).type.case).toBe('service');
    const service = (hex: string): number | undefined => {
      const { type } = fromBinary(AddressSchema, Buffer.from(hex, 'hex'));
      return type.case === 'service' ? type.value.addresses[0]?.length : Number.NaN;
    };
    expect(service(framed('12', framed('22', '120400000000', '1800')))).toBe(0);
    expect(service(framed('12', framed('22', '120400000000')))).toBeUndefined();
  });
});

describe('Authorization', () => {
  it('nests rules, clauses (as field 2) and matches', () => {
    expect(AUTHORIZATION_TYPE_URL).toBe(`type.googleapis.com/${AuthorizationSchema.typeName}`);
    expectWire(
      AuthorizationSchema,
      {
        name: 'n',
        namespace: 's',
        scope: Scope.WORKLOAD_SELECTOR,
        action: Action.DENY,
        rules: [
          {
            clauses: [
              {
                matches: [
                  {
                    namespaces: [{ matchType: { case: 'exact', value: 'e' } }],
                    notPrincipals: [{ matchType: { case: 'suffix', value: 'f' } }],
                    sourceIps: [{ address: Uint8Array.of(10, 0, 0, 0), length: 8 }],
                    destinationPorts: [80, 300],
                    serviceAccounts: [{ namespace: 'a', serviceAccount: 'b' }],
                    notServiceAccounts: [{ namespace: 'c', serviceAccount: 'd' }],
                    principals: [{ matchType: { case: 'presence', value: {} } }],
                  },
                ],
              },
            ],
          },
        ],
        dryRun: true,
      },
      [
        framed('0a', text('n')),
        framed('12', text('s')),
        '1802',
        '2001',
        framed(
          '2a',
          framed(
            '0a',
            framed(
              '12',
              framed('0a', framed('0a', text('e'))),
              framed('1a', framed('22')),
              framed('22', framed('1a', text('f'))),
              framed('2a', '0a040a000000', '1008'),
              framed('4a', '50', 'ac02'),
              framed('5a', framed('0a', text('a')), framed('12', text('b'))),
              framed('62', framed('0a', text('c')), framed('12', text('d'))),
            ),
          ),
        ),
        '3001',
      ].join(''),
    );
  });
});

describe('certificate authority', () => {
  it('asks with csr=1, validity=3, metadata=4', () => {
    expect(IstioCertificateService.typeName).toBe('istio.v1.auth.IstioCertificateService');
    expect(IstioCertificateService.method.createCertificate.name).toBe('CreateCertificate');
    expectWire(
      IstioCertificateRequestSchema,
      { csr: 'c', validityDuration: 86_400n, metadata: { k: 'v' } },
      [
        framed('0a', text('c')),
        '1880a305',
        framed('22', framed('0a', framed('0a', text('k')), framed('12', framed('1a', text('v'))))),
      ].join(''),
    );
  });

  it('answers with a list in field 1', () =>
    expectWire(
      IstioCertificateResponseSchema,
      { certChain: ['a', 'b'] },
      framed('0a', text('a')) + framed('0a', text('b')),
    ));
});

describe('delta ADS', () => {
  it('has Envoy’s path', () => {
    expect(AggregatedDiscoveryService.typeName).toBe('envoy.service.discovery.v3.AggregatedDiscoveryService');
    expect(AggregatedDiscoveryService.method.deltaAggregatedResources.name).toBe('DeltaAggregatedResources');
  });

  it('numbers the fields of a request 1 to 7', () =>
    expectWire(
      DeltaDiscoveryRequestSchema,
      {
        node: { id: 'i', metadata: { k: true } },
        typeUrl: 't',
        resourceNamesSubscribe: ['*'],
        resourceNamesUnsubscribe: ['u'],
        initialResourceVersions: { r: 'v' },
        responseNonce: 'n',
        errorDetail: { code: 13, message: 'm' },
      },
      [
        framed(
          '0a',
          framed('0a', text('i')),
          framed('1a', framed('0a', framed('0a', text('k')), framed('12', '2001'))),
        ),
        framed('12', text('t')),
        framed('1a', text('*')),
        framed('22', text('u')),
        framed('2a', framed('0a', text('r')), framed('12', text('v'))),
        framed('32', text('n')),
        framed('3a', '080d', framed('12', text('m'))),
      ].join(''),
    ));

  it('numbers a response as Envoy does', () =>
    expectWire(
      DeltaDiscoveryResponseSchema,
      {
        systemVersionInfo: 's',
        resources: [
          { name: 'r', version: 'v', resource: create(AnySchema, { typeUrl: 't', value: Uint8Array.of(7) }) },
        ],
        typeUrl: 't',
        nonce: 'n',
        removedResources: ['x'],
      },
      [
        framed('0a', text('s')),
        framed('12', framed('0a', text('v')), framed('12', framed('0a', text('t')), '120107'), framed('1a', text('r'))),
        framed('22', text('t')),
        framed('2a', text('n')),
        framed('32', text('x')),
      ].join(''),
    ));
});
