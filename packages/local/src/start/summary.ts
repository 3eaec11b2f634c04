import { GATEWAY_NAME_LABEL } from '@ambit/translation/translate/waypoint/deployed-names';
import type { BedPod } from '../bed/pod.ts';
import type { RunningMesh } from './mesh.ts';

/** What is said once everything runs: what runs where, and where to look. */
export function summary({ bed, manifests, doorways }: RunningMesh): string {
  const door = (name: string, path: string): string =>
    `  curl --unix-socket ${doorways[name] ?? ''} http://localhost${path}`;
  return [
    ...(['a', 'b'] as const).flatMap((name) => [
      `Node ${name}, served by ${bed.node(name).proxy.name}:`,
      ...bed
        .pods()
        .filter((pod) => pod.node === name)
        .map(podLine),
    ]),
    '',
    'What the proxies know and do (the same with b-admin, b-metrics):',
    door('a-admin', '/config_dump'),
    door('a-metrics', '/metrics'),
    'What the controller serves and refuses:',
    door('controller', '/debug/resources'),
    door('controller', '/debug/problems'),
    `Logs, one file for each process: ${bed.logs}`,
    `Manifests, read again whenever one changes: ${manifests}`,
    '  Set mode to PERMISSIVE in policies.yaml and see the outsider pass; label the namespace "outside" in',
    '  namespaces.yaml with istio.io/dataplane-mode: ambient and see it refused by name; give v2 of payments another',
    '  weight in canary.yaml.',
    '',
  ].join('\n');
}

function podLine(pod: BedPod): string {
  const identity = `spiffe://cluster.local/ns/${pod.namespace}/sa/${pod.serviceAccount}`;
  const gateway = pod.wanted.metadata.labels?.[GATEWAY_NAME_LABEL];
  const place =
    gateway !== undefined
      ? `waypoint ${gateway} as ${identity}`
      : pod.enrolment.captured
        ? `in the mesh as ${identity}`
        : 'outside the mesh';
  return `  ${pod.ip.padEnd(12)} ${pod.key.padEnd(42)} ${place}`;
}
