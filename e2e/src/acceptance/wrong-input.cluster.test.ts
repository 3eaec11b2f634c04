import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { createCertificateRequest } from '@ambit/identity/csr';
import { IstioCertificateRequestSchema } from '@ambit/proto/ca';
import { DeltaDiscoveryRequestSchema } from '@ambit/proto/discovery';
import { ADDRESS_TYPE_URL } from '@ambit/proto/workload';
import { demandAllAnswered } from '@ambit/local/check/waypoint/answers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench } from '../mesh/bench.ts';
import { MESH_NAMESPACE, needMesh } from '../mesh/chart.ts';
import { IDLE, workloadObjects } from '../mesh/check-pods.ts';
import { checkCommand, checkProgramsObject } from '../mesh/check-programs.ts';
import { conditions } from '../mesh/conditions.ts';
import { logLines } from '../mesh/proxy-log.ts';
import { backendObjects, gatewayObject, serviceObject } from '../mesh/waypoint-objects.ts';
import type { GrpcCallReport } from '../programs/grpc-call.ts';
import { eventually, testCluster } from '../test-cluster.ts';

const NAMESPACE = 'check-wrong';
const SECURITY = 'security.istio.io/v1';
const NETWORKING = 'networking.istio.io/v1';
const GATEWAY = 'gateway.networking.k8s.io/v1';
const HOST = `web.${NAMESPACE}.svc.cluster.local`;

/** An object of the namespace of the test. */
interface Written {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels?: object };
  readonly spec: object;
}

function object(apiVersion: string, kind: string, name: string, spec: object): Written {
  return { apiVersion, kind, metadata: { name, namespace: NAMESPACE }, spec };
}

/** The API server asks about objects of this revision, and of none. */
function pastTheWebhook(written: Written): Written {
  return { ...written, metadata: { ...written.metadata, labels: { 'istio.io/rev': 'another' } } };
}

const extension = { type: 'ExtensionRef', extensionRef: { group: 'example.com', kind: 'Filter', name: 'f' } };
const parentRefs = [{ group: '', kind: 'Service', name: 'web', port: 8080 }];
const toBackend = [{ name: 'backend-v1', port: 8080 }];

/** What the API server itself refuses, and what it says. */
const REFUSED: readonly (readonly [string, Written, RegExp])[] = [
  [
    'a VirtualService with an unknown field',
    object(NETWORKING, 'VirtualService', 'wrong', { hosts: [HOST], htttp: [] }),
    /VirtualService\.spec\S* unknown field "htttp"/,
  ],
  [
    'an AuthorizationPolicy with two kinds of targets',
    object(SECURITY, 'AuthorizationPolicy', 'wrong', {
      selector: { matchLabels: { app: 'web' } },
      targetRefs: [{ group: '', kind: 'Service', name: 'web' }],
    }),
    /only one of targetRefs or selector can be set/,
  ],
  [
    'a PeerAuthentication with a mode that does not exist',
    object(SECURITY, 'PeerAuthentication', 'wrong', { mtls: { mode: 'STRICTEST' } }),
    /spec\.mtls\.mode/,
  ],
  [
    'an HTTPRoute with a weight below nought',
    object(GATEWAY, 'HTTPRoute', 'wrong', { parentRefs, rules: [{ backendRefs: [{ ...toBackend[0], weight: -1 }] }] }),
    /weight/,
  ],
];

/** What only the controller can tell, and the condition that it writes. */
const NAMED: readonly (readonly [string, Written, string, RegExp])[] = [
  [
    'an AuthorizationPolicy with a bad CIDR, about which no webhook was asked',
    pastTheWebhook(
      object(SECURITY, 'AuthorizationPolicy', 'wrong-cidr', {
        selector: { matchLabels: { version: 'v2' } },
        action: 'DENY',
        rules: [{ from: [{ source: { ipBlocks: ['10.0.0.0/99'] } }] }],
      }),
    ),
    'ZtunnelAccepted',
    /^spec\.rules\[0\]\.from\[0\]\.source\.ipBlocks\[0\]: "10\.0\.0\.0\/99"/,
  ],
  [
    'an HTTPRoute with a filter that waypoints do not know',
    object(GATEWAY, 'HTTPRoute', 'wrong-filter', {
      parentRefs: [{ ...parentRefs[0], name: 'other' }],
      rules: [{ filters: [extension], backendRefs: toBackend }],
    }),
    'Accepted',
    /spec\.rules\[0\]\.filters\[0\] \(ExtensionRef\): not honoured/,
  ],
  [
    'an HTTPRoute to a Service that does not exist',
    object(GATEWAY, 'HTTPRoute', 'wrong-backend', {
      parentRefs: [{ ...parentRefs[0], name: 'other' }],
      rules: [{ backendRefs: [{ name: 'nobody', port: 8080 }] }],
    }),
    'ResolvedRefs',
    /nobody/,
  ],
  [
    'a VirtualService with a field that waypoints do not know',
    object(NETWORKING, 'VirtualService', 'wrong-retries', {
      hosts: [HOST],
      http: [{ retries: { attempts: 1, retryOn: 'now-and-then' }, route: [{ destination: { host: HOST } }] }],
    }),
    'WaypointAccepted',
    /spec\.http\[0\]\.retries\.retryOn now-and-then/,
  ],
  [
    'a DestinationRule for clients that it selects, which waypoints do not know',
    object(NETWORKING, 'DestinationRule', 'wrong-selector', {
      host: HOST,
      workloadSelector: { matchLabels: { app: 'client' } },
    }),
    'WaypointAccepted',
    /spec\.workloadSelector/,
  ],
];

describe('wrong input', () => {
  let bench: Bench;

  beforeAll(async () => {
    bench = new Bench(testCluster());
    await needMesh(bench.cluster);
    const labels = { 'istio.io/dataplane-mode': 'ambient' };
    await bench.apply([
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels } },
      gatewayObject(NAMESPACE, 'waypoint', 1),
      checkProgramsObject(NAMESPACE),
      ...workloadObjects({ namespace: NAMESPACE, name: 'client', command: IDLE }),
      ...backendObjects(NAMESPACE, 'v1', 1),
      ...backendObjects(NAMESPACE, 'v2', 1),
      ...['web', 'other'].map((name) => serviceObject(NAMESPACE, name, { version: 'v1' }, { http: 8080 })),
    ]);
    await bench.cluster.kubectl([
      '-n',
      NAMESPACE,
      'label',
      'service',
      'web',
      'other',
      'istio.io/use-waypoint=waypoint',
    ]);
    await bench.rolledOut(NAMESPACE, 'client', 'backend-v1', 'backend-v2');
    await bench.cluster.kubectl([
      '-n',
      NAMESPACE,
      'wait',
      '--for=condition=Programmed',
      'gateway/waypoint',
      '--timeout=60s',
    ]);
  });

  afterAll(async () => {
    await bench.remove('namespace', NAMESPACE);
  });

  it.each(REFUSED)('%s is refused by the API server, which names the field', async (_, written, reason) => {
    await expect(bench.apply([written])).rejects.toThrow(reason);
  });

  it('of any other kind gets a condition that names field and reason, and disturbs nobody', async () => {
    const traffic = ['web', 'backend-v1'].map((name) =>
      bench.requests(NAMESPACE, 'client', {
        host: `${name}.${NAMESPACE}`,
        port: 8080,
        loops: 2,
        pause: 20,
        duration: 15_000,
      }),
    );
    const good = object(SECURITY, 'AuthorizationPolicy', 'right', {
      action: 'DENY',
      rules: [{ from: [{ source: { namespaces: ['nobody'] } }] }],
    });
    await bench.apply([...NAMED.map(([, written]) => written), good]);
    for (const [what, { kind, metadata }, type, reason] of NAMED) {
      await eventually(async () => {
        const said = (await conditions(bench, kind, metadata.name, NAMESPACE)).find((one) => one.type === type);
        expect(said, what).toMatchObject({ status: 'False', observedGeneration: 1 });
        expect(said?.message, what).toMatch(reason);
      }, 10_000);
    }
    await eventually(async () => {
      const said = await conditions(bench, 'AuthorizationPolicy', 'right', NAMESPACE);
      expect(said[0]).toMatchObject({ type: 'ZtunnelAccepted', status: 'True' });
    });
    for (const report of await Promise.all(traffic)) {
      demandAllAnswered(report);
      expect(report.answers.length).toBeGreaterThan(500);
    }
    // Nobody knows whom the wrong policy was meant to keep out, so what it selects is closed.
    const closed = await bench.requests(NAMESPACE, 'client', {
      host: `backend-v2.${NAMESPACE}`,
      port: 8080,
      loops: 1,
      total: 3,
    });
    expect(closed.failures.map(({ failure }) => failure)).toEqual(['ECONNRESET', 'ECONNRESET', 'ECONNRESET']);
    await bench.remove('-n', NAMESPACE, ...NAMED.map(([, { kind, metadata }]) => `${kind}/${metadata.name}`));
  });

  describe('of a ServiceAccount that has no rights', () => {
    const WHO = `${NAMESPACE}/client`;
    const CERTIFICATE = '/istio.v1.auth.IstioCertificateService/CreateCertificate';
    const DISCOVERY = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
    const NOT_AUTHORIZED = { status: 7, message: 'not authorized', received: 0 };
    const NOT_AUTHENTICATED = { status: 16, message: 'not authenticated', received: 0 };

    const token = async (audience: string): Promise<string> => {
      const pod = ['--bound-object-kind', 'Pod', '--bound-object-name', await bench.pod(NAMESPACE, 'client')];
      const words = ['-n', NAMESPACE, 'create', 'token', 'client', '--audience', audience, ...pod];
      return (await bench.cluster.kubectl(words)).trim();
    };

    async function call(path: string, message: Uint8Array, bearer: string | undefined): Promise<GrpcCallReport> {
      const options = {
        address: `https://istiod.${MESH_NAMESPACE}.svc:15012`,
        path,
        message: Buffer.from(message).toString('base64'),
        roots: await bench.read(['configmap', 'istio-ca-root-cert', '-n', NAMESPACE], '{.data.root-cert\\.pem}'),
        timeout: 10_000,
        ...(bearer === undefined ? {} : { token: bearer }),
      };
      return await bench.exec<GrpcCallReport>(
        NAMESPACE,
        'client',
        checkCommand('grpc-call', JSON.stringify(options)),
        10_000,
      );
    }

    async function certificateFor(namespace: string, serviceAccount: string): Promise<Uint8Array> {
      const identity = { trustDomain: 'cluster.local', namespace, serviceAccount };
      const { csrPem } = await createCertificateRequest(identity);
      const metadata = { ImpersonatedIdentity: `spiffe://cluster.local/ns/${namespace}/sa/${serviceAccount}` };
      return message(IstioCertificateRequestSchema, { csr: csrPem, validityDuration: 3_600n, metadata });
    }

    const discovery = (id: string): Uint8Array =>
      message(DeltaDiscoveryRequestSchema, { node: { id }, typeUrl: ADDRESS_TYPE_URL });

    /** What the controller has logged about refusals since. */
    async function logged(since: Date, ...words: readonly string[]): Promise<void> {
      await eventually(async () => {
        const lines = await logLines(bench, MESH_NAMESPACE, 'app=istiod', since);
        expect(lines.filter((line) => words.every((word) => line.includes(word))).length, words.join()).toBeGreaterThan(
          0,
        );
      }, 5_000);
    }

    it('no certificate of another is given, and the log says who asked for whose', async () => {
      for (const [namespace, account] of [
        [NAMESPACE, 'backend-v1'],
        [MESH_NAMESPACE, 'ztunnel'],
      ] as const) {
        const since = new Date();
        const request = await certificateFor(namespace, account);
        expect(await call(CERTIFICATE, request, await token('istio-ca'))).toEqual(NOT_AUTHORIZED);
        await logged(since, `${WHO} (pod client-`, `asks for spiffe://cluster.local/ns/${namespace}/sa/${account}`);
      }
    });

    it('no certificate is given for a token that was made for somebody else, or for none', async () => {
      const request = await certificateFor(NAMESPACE, 'client');
      const since = new Date();
      expect(await call(CERTIFICATE, request, await token('https://kubernetes.default.svc'))).toEqual(
        NOT_AUTHENTICATED,
      );
      await logged(since, 'AMBIT_TOKEN_REFUSED', 'audience');
      expect(await call(CERTIFICATE, request, undefined)).toEqual(NOT_AUTHENTICATED);
    });

    it('nothing of the mesh is told, and the log says who asked', async () => {
      for (const id of [
        'ztunnel~10.0.0.1~ztunnel-x.istio-system~istio-system.svc.cluster.local',
        `waypoint~10.0.0.1~waypoint-x.${NAMESPACE}~${NAMESPACE}.svc.cluster.local`,
      ]) {
        const since = new Date();
        const report = await call(DISCOVERY, discovery(id), await token('istio-ca'));
        expect(report).toMatchObject({ message: 'not authenticated', received: 0 });
        await logged(since, 'a discovery client is refused', WHO);
      }
    });
  });
});

function message<Schema extends DescMessage>(schema: Schema, init: MessageInitShape<Schema>): Uint8Array {
  return toBinary(schema, create(schema, init));
}
