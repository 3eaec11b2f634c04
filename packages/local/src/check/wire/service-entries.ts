import type { Bench, BenchPodName } from '../bench.ts';
import { type Check, demand, eventually } from '../check.ts';
import { type DialResult, SERVER_PORTS } from '../clients/options.ts';
import { demandAllAnswered } from '../waypoint/answers.ts';
import { L7_NAMESPACE, WAYPOINT } from '../waypoint/manifests.ts';
import { withManifest } from '../policy/refusal.ts';

const MANIFEST = 'check-entries';
/** A change is known to the node proxies, and lines are told, within so many milliseconds. */
const KNOWN_WITHIN = 5_000;
const TIMEOUT = 3_000;
/** What is dialled; what answers listens elsewhere. */
const PORT = 81;

/** What the cluster's DNS knows: a Service in front of `stayer`. */
const NAME = 'stayer.check-moving.svc.cluster.local';

interface Entry {
  readonly what: string;
  readonly host: string;
  /** Written; without one it is allocated. */
  readonly address?: string;
  readonly server: BenchPodName;
  readonly namespace: string;
  /** Of the ServiceEntry, in YAML flow style. */
  readonly spec: string;
}

/** `stayer` is outside of the mesh, `server` is in it. */
function entries(bench: Bench): Entry[] {
  const listens = SERVER_PORTS.greeting;
  const stayer = `address: ${bench.pod('stayer').ip}`;
  const inline = `resolution: STATIC, endpoints: [{${stayer}, ports: {greeting: ${listens}}}]`;
  const selecting = (app: string): string => `resolution: STATIC, workloadSelector: {labels: {app: ${app}}}`;
  const at = (last: number, namespace = 'check') => ({ address: `203.0.113.${last}`, namespace });
  return [
    { what: 'an endpoint', host: 'a.example', ...at(1), server: 'stayer', spec: `location: MESH_EXTERNAL, ${inline}` },
    {
      what: 'an endpoint inside',
      host: 'b.example',
      ...at(2),
      server: 'stayer',
      spec: `location: MESH_INTERNAL, ${inline}`,
    },
    { what: 'no address', host: 'c.example', namespace: 'check', server: 'stayer', spec: inline },
    { what: 'a WorkloadEntry', host: 'd.example', ...at(4), server: 'stayer', spec: selecting('entry') },
    {
      what: 'a pod outside of the mesh',
      host: 'e.example',
      ...at(5, 'check-moving'),
      server: 'stayer',
      spec: selecting('stayer'),
    },
    { what: 'a pod of the mesh', host: 'f.example', ...at(6), server: 'server', spec: selecting('server') },
    {
      what: 'a name',
      host: 'g.example',
      namespace: 'check',
      server: 'stayer',
      spec: `resolution: DNS, endpoints: [{address: ${NAME}, ports: {greeting: ${listens}}}]`,
    },
    { what: 'a WorkloadEntry with a name', host: 'h.example', ...at(8), server: 'stayer', spec: selecting('named') },
  ];
}

function entriesManifest(bench: Bench): string {
  const objects = entries(bench).map(({ host, address, namespace, spec }, index) => {
    const addresses = address === undefined ? '' : `addresses: [${address}], `;
    const ports = `ports: [{number: ${PORT}, name: greeting, protocol: TCP, targetPort: ${SERVER_PORTS.greeting}}]`;
    return `{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: entry-${index}, namespace: ${namespace}}, spec: {hosts: [${host}], ${addresses}${ports}, ${spec}}}`;
  });
  const workload = `{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {name: entry, namespace: check}, spec: {address: ${bench.pod('stayer').ip}, labels: {app: entry}}}`;
  const named = `{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {name: named, namespace: check}, spec: {address: ${NAME}, labels: {app: named}}}`;
  return [...objects, workload, named].join('\n---\n');
}

export const serviceEntries: Check<Bench> = {
  name: 'a host of a ServiceEntry is reached by its name and by its address, whatever is behind it, and its name is gone with it',
  limit: 90_000,
  run: async (bench) => {
    const seen = await withManifest(bench, MANIFEST, entriesManifest(bench), async () => {
      const reached: string[] = [];
      for (const { what, host, address, server } of entries(bench)) {
        for (const dialled of address === undefined ? [host] : [host, address]) {
          const since = bench.clock.wallTime();
          await eventually(bench.clock, KNOWN_WITHIN, `a greeting of ${dialled} (${what})`, async () =>
            (await dial(bench, dialled)).received.startsWith('hello') ? true : undefined,
          );
          await eventually(bench.clock, KNOWN_WITHIN, `${server} greets for ${dialled} (${what})`, () =>
            Promise.resolve(
              bench
                .pod(server)
                .events(since)
                .some(({ event }) => event === 'accepted') || undefined,
            ),
          );
        }
        reached.push(what);
      }
      return reached;
    });
    const gone = await eventually(bench.clock, KNOWN_WITHIN, 'the name is gone', async () => {
      const { errno } = await dial(bench, 'c.example');
      return errno === 'ENOTFOUND' ? errno : undefined;
    });
    return `${seen.join(', ')}; then ${gone}`;
  },
};

export const routedEntry: Check<Bench> = {
  name: 'a ServiceEntry behind a waypoint is routed there as a Service is, to endpoints and to hosts of other entries',
  limit: 60_000,
  run: (bench) =>
    withManifest(bench, MANIFEST, routedManifest(bench), async () => {
      const ask = async (path: string): Promise<string> => {
        const report = await bench.pod('client').requests({ host: 'api.example', port: 80, path, loops: 1, total: 5 });
        demandAllAnswered(report);
        return [...new Set(report.answers.map(([, , , version]) => version))].join(' ');
      };
      const since = bench.clock.wallTime();
      await eventually(bench.clock, KNOWN_WITHIN, 'api.example is routed', async () =>
        (await ask('/v2')) === 'v2' ? true : undefined,
      );
      const own = await ask('/own');
      demand(own === 'v1', `the entry's own endpoint is v1, ${own} answered`);
      const seen = (path: string, host: string): boolean => {
        const records = bench.waypoints(WAYPOINT).flatMap((waypoint) => waypoint.accessLog(since));
        return records.some(
          ({ fields }) => fields['path'] === path && String(fields['upstream_cluster']).endsWith(host),
        );
      };
      await eventually(bench.clock, KNOWN_WITHIN, 'records of both', () =>
        Promise.resolve((seen('/v2', 'other.example') && seen('/own', 'api.example')) || undefined),
      );
      return 'its own endpoint by default, the host of another by path; both in the log of the waypoint';
    }),
};

/** Hosts whose requests a waypoint sees, whatever stands behind them. */
export const egress: Check<Bench> = {
  name: 'a waypoint sees what is sent to a host that is known by a name, and to addresses that a ServiceEntry lets through',
  limit: 60_000,
  run: (bench) =>
    withManifest(bench, MANIFEST, egressManifest(bench), async () => {
      const since = bench.clock.wallTime();
      const { ip } = bench.pod('backend-v2');
      for (const [host, port] of [
        ['named.example', 80],
        [ip, 8080],
      ] as const) {
        const path = `/to-${port}`;
        const isSeen = (): boolean =>
          bench
            .waypoints(WAYPOINT)
            .flatMap((waypoint) => waypoint.accessLog(since))
            .some(({ fields }) => fields['path'] === path);
        await eventually(bench.clock, KNOWN_WITHIN, `an answer of ${host} that a waypoint has seen`, async () => {
          const { answers } = await bench.pod('client').requests({ host, port, path, loops: 1, total: 5 });
          const isAnswered =
            answers.length > 0 && answers.every(([, , status, version]) => status === 200 && version === 'v2');
          return (isAnswered && isSeen()) || undefined;
        });
      }
      return 'a name that the cluster resolves, and an address as it was dialled';
    }),
};

function egressManifest(bench: Bench): string {
  const entry = (name: string, port: number, spec: string): string =>
    `{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: ${name}, namespace: ${L7_NAMESPACE}, labels: {istio.io/use-waypoint: waypoint}}, spec: {hosts: [${name}.example], ports: [{number: ${port}, name: http, protocol: HTTP}], ${spec}}}`;
  const name = `backend-v2.${L7_NAMESPACE}.svc.cluster.local`;
  return [
    entry('named', 80, `resolution: DNS, endpoints: [{address: ${name}, ports: {http: 8080}}]`),
    entry('through', 8080, `resolution: NONE, addresses: [${bench.pod('backend-v2').ip}]`),
  ].join('\n---\n');
}

function routedManifest(bench: Bench): string {
  const entry = (name: string, labels: string, backend: BenchPodName): string =>
    `{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: ${name}, namespace: ${L7_NAMESPACE}, labels: {${labels}}}, spec: {hosts: [${name}.example], ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}], resolution: STATIC, endpoints: [{address: ${bench.pod(backend).ip}}]}}`;
  return [
    entry('api', 'istio.io/use-waypoint: waypoint', 'backend-v1-a'),
    entry('other', '', 'backend-v2'),
    `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: api, namespace: ${L7_NAMESPACE}}
spec:
  parentRefs: [{group: networking.istio.io, kind: ServiceEntry, name: api}]
  rules:
    - matches: [{path: {value: /v2}}]
      backendRefs: [{group: networking.istio.io, kind: Hostname, name: other.example, port: 80}]
    - backendRefs: [{group: networking.istio.io, kind: Hostname, name: api.example, port: 80}]
`,
  ].join('\n---\n');
}

function dial(bench: Bench, host: string): Promise<DialResult> {
  return bench.pod('client').dial({ host, port: PORT, endAfterAnswer: true, timeout: TIMEOUT });
}
