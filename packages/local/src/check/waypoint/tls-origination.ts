import type { Bench } from '../bench.ts';
import { type Check, demand, eventually } from '../check.ts';
import type { PeerCertificate } from '../clients/tunnel-options.ts';
import { withManifest } from '../policy/refusal.ts';
import { L7_NAMESPACE, WAYPOINT } from './manifests.ts';

const MANIFEST = 'check-tls';
const IDENTITY = 'spiffe://cluster.local/ns/outside/sa/bank';
/** Where the server of the mesh's own root listens, that of a root that nobody knows, and one that asks for certificates. */
const PORTS = { known: 8443, foreign: 8444, asking: 8445 } as const;
/** Whom the waypoint says it is to the latter. */
const CLIENT = 'spiffe://cluster.local/ns/outside/sa/customer';
const KNOWN_WITHIN = 5_000;

interface Case {
  readonly what: string;
  readonly server: keyof typeof PORTS;
  readonly status: 200 | 503;
  /** How TLS is asked for, as an object in YAML flow style. */
  readonly object: string;
}

const policy = (uri: string): string =>
  `{apiVersion: gateway.networking.k8s.io/v1, kind: BackendTLSPolicy, metadata: {name: bank, namespace: ${L7_NAMESPACE}}, spec: {targetRefs: [{group: networking.istio.io, kind: ServiceEntry, name: bank}], validation: {caCertificateRefs: [{group: "", kind: ConfigMap, name: bank-ca}], hostname: bank.example, subjectAltNames: [{type: URI, uri: "${uri}"}]}}}`;
const rule = (tls: string): string =>
  `{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: bank, namespace: ${L7_NAMESPACE}}, spec: {host: bank.example, trafficPolicy: {tls: {sni: bank.example, ${tls}}}}}`;
const MUTUAL = 'mode: MUTUAL, credentialName: bank-client, subjectAltNames';

const CASES: readonly Case[] = [
  { what: 'a BackendTLSPolicy', server: 'known', status: 200, object: policy(IDENTITY) },
  { what: 'a BackendTLSPolicy with another name', server: 'known', status: 503, object: policy(`${IDENTITY}s`) },
  { what: 'a BackendTLSPolicy, the root unknown', server: 'foreign', status: 503, object: policy(IDENTITY) },
  {
    what: 'a DestinationRule',
    server: 'foreign',
    status: 503,
    object: rule('mode: SIMPLE, insecureSkipVerify: false'),
  },
  {
    what: 'a DestinationRule that believes anybody',
    server: 'foreign',
    status: 200,
    object: rule('mode: SIMPLE, insecureSkipVerify: true'),
  },
  { what: 'a BackendTLSPolicy, a certificate asked for', server: 'asking', status: 503, object: policy(IDENTITY) },
  {
    what: 'a DestinationRule with a Secret',
    server: 'asking',
    status: 200,
    object: rule(`${MUTUAL}: ["${IDENTITY}"]`),
  },
];

export const tlsOrigination: Check<Bench> = {
  name: 'plain HTTP to a host outside leaves the waypoint in TLS, to whom a BackendTLSPolicy or a DestinationRule believes alone',
  limit: 120_000,
  run: async (bench) => {
    const outsider = bench.pod('outsider');
    const certificates = {
      known: await bench.certificates.own(IDENTITY),
      foreign: await bench.certificates.foreign(IDENTITY),
    };
    const known = await outsider.serveTls({ port: PORTS.known, version: 'known', ...certificates.known });
    const foreign = await outsider.serveTls({ port: PORTS.foreign, version: 'foreign', ...certificates.foreign });
    const clientsRoot = bench.certificates.root();
    const asking = await outsider.serveTls({
      port: PORTS.asking,
      version: 'asking',
      clientsRoot,
      ...certificates.known,
    });
    const client = secret(await bench.certificates.own(CLIENT), clientsRoot);
    try {
      for (const one of CASES) {
        const objects = [entry(bench, PORTS[one.server]), authority(bench), client, one.object];
        await withManifest(bench, MANIFEST, objects.join('\n---\n'), () => ask(bench, one));
      }
    } finally {
      const reports = await Promise.all([known.stop(), foreign.stop(), asking.stop()]);
      const names = reports.flatMap(({ serverNames }) => serverNames);
      demand(
        names.every((name) => name === 'bank.example'),
        `other names were asked for: ${names.join(', ')}`,
      );
      const clients = reports.flatMap((report) => report.clients);
      demand(clients.join(', ') === `URI:${CLIENT}`, `clients came as ${clients.join(', ')}`);
    }
    return CASES.map(({ what, status }) => `${what}: ${status}`).join('; ');
  },
};

/** Asks until the answer is the wanted one; it is by the waypoint, and by the wanted server. */
async function ask(bench: Bench, { what, server, status }: Case): Promise<void> {
  const path = `/${what.replaceAll(/\W/g, '-')}`;
  const since = bench.clock.wallTime();
  await eventually(bench.clock, KNOWN_WITHIN, `${status} under ${what}`, async () => {
    const asked = { host: 'bank.example', port: 80, path, loops: 1, total: 1 };
    const [answer] = (await bench.pod('client').requests(asked)).answers;
    if (answer === undefined || answer[2] !== status) throw new Error(`${answer?.[2] ?? 'no'} answer`);
    return status === 503 || answer[3] === server ? true : undefined;
  });
  await eventually(bench.clock, KNOWN_WITHIN, 'its record', () => {
    const records = bench.waypoints(WAYPOINT).flatMap((waypoint) => waypoint.accessLog(since));
    const seen = records.some(({ fields }) => fields['path'] === path && fields['response_code'] === status);
    return Promise.resolve(seen || undefined);
  });
}

function entry(bench: Bench, port: number): string {
  const endpoints = `endpoints: [{address: ${bench.pod('outsider').ip}}]`;
  const ports = `ports: [{number: 80, name: http, protocol: HTTP, targetPort: ${port}}]`;
  return `{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: bank, namespace: ${L7_NAMESPACE}, labels: {istio.io/use-waypoint: waypoint}}, spec: {hosts: [bank.example], ${ports}, resolution: STATIC, ${endpoints}}}`;
}

function authority(bench: Bench): string {
  const data = JSON.stringify({ 'ca.crt': bench.certificates.root() });
  return `{apiVersion: v1, kind: ConfigMap, metadata: {name: bank-ca, namespace: ${L7_NAMESPACE}}, data: ${data}}`;
}

/** What the waypoint shows to who asks for a certificate, and whom it believes then. */
function secret({ certificate, privateKey }: PeerCertificate, root: string): string {
  const stringData = JSON.stringify({ 'tls.crt': certificate, 'tls.key': privateKey, 'ca.crt': root });
  return `{apiVersion: v1, kind: Secret, metadata: {name: bank-client, namespace: ${L7_NAMESPACE}}, stringData: ${stringData}}`;
}
