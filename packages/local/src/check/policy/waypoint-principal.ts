import type { Bench } from '../bench.ts';
import { type Check, eventually } from '../check.ts';
import { SERVER_PORTS } from '../clients/options.ts';
import { authorizationPolicy } from '../policies.ts';
import { L7_NAMESPACE, RAW_SERVICE } from '../waypoint/manifests.ts';
import { withManifest } from './refusal.ts';

const DIRECT = 'server.check';
const BY_WAYPOINT = `${RAW_SERVICE}.check`;
const IN_FORCE_WITHIN = 3_000;
const TIMEOUT = 3_000;

export const waypointPrincipal: Check<Bench> = {
  name: 'a policy of a pod behind a waypoint judges who comes to the pod: the waypoint where one is on the way, the client where none is',
  limit: 60_000,
  run: async (bench) => {
    // One object from the first to the last, so that there is never a moment without any.
    const allow = (rule: string): string => authorizationPolicy('who-comes', 'ALLOW', rule);
    const principal = (of: string): string => `{from: [{source: {principals: ["cluster.local/ns/${of}"]}}]}`;
    const steps = [
      { rule: '{from: [{source: {namespaces: [nobody]}}]}', direct: false, byWaypoint: false },
      { rule: principal(`${L7_NAMESPACE}/sa/waypoint`), direct: false, byWaypoint: true },
      { rule: principal('check/sa/client'), direct: true, byWaypoint: false },
    ];
    return await withManifest(bench, 'who-comes', allow(steps[0]?.rule ?? ''), async () => {
      for (const { rule, direct, byWaypoint } of steps) {
        bench.apply('who-comes', allow(rule));
        for (const [service, expected] of [
          [DIRECT, direct],
          [BY_WAYPOINT, byWaypoint],
        ] as const) {
          const what = `${service} is ${expected ? 'reached' : 'refused'} under ${rule}`;
          await eventually(bench.clock, IN_FORCE_WITHIN, what, async () =>
            (await isGreeted(bench, service)) === expected ? true : undefined,
          );
        }
      }
      return 'nobody, the waypoint, the client: each lets in that way alone';
    });
  },
};

export const outsidePolicy: Check<Bench> = {
  name: 'a policy for a pod outside of the mesh refuses nobody',
  limit: 30_000,
  run: (bench) => {
    const policy = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nobody, namespace: NAMESPACE}
spec: {action: ALLOW}
`;
    const both = ['check', 'check-moving'].map((namespace) => policy.replace('NAMESPACE', namespace)).join('---\n');
    return withManifest(bench, 'nobody', both, async () => {
      await eventually(bench.clock, IN_FORCE_WITHIN, 'the pod of the mesh is closed', async () =>
        (await isGreeted(bench, DIRECT)) ? undefined : true,
      );
      await eventually(bench.clock, IN_FORCE_WITHIN, 'the pod outside is open', async () =>
        (await isGreeted(bench, 'stayer.check-moving')) ? true : undefined,
      );
      return 'the same policy closes a pod of the mesh';
    });
  },
};

async function isGreeted(bench: Bench, service: string): Promise<boolean> {
  const host = bench.serviceAddress(service);
  const to = { host, port: SERVER_PORTS.greeting, endAfterAnswer: true, timeout: TIMEOUT };
  return (await bench.pod('client').dial(to)).received.startsWith('hello');
}
