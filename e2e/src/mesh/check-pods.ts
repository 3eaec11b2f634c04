import { CHECK_MOUNT, CHECK_VOLUME } from './check-programs.ts';

/** Any image with a Node; that of the sample shop is loaded with the mesh. */
const IMAGE = 'ghcr.io/ambit-mesh/shop:0.1.0';

export interface CheckWorkload {
  readonly name: string;
  readonly namespace: string;
  readonly command: readonly string[];
  /** Default one. */
  readonly replicas?: number;
  /** Where it has to run. Default anywhere. */
  readonly node?: string;
  /** TCP port that shows that it is ready. Default none: it is as soon as it runs. */
  readonly readyPort?: number;
  readonly labels?: Readonly<Record<string, string>>;
  /** Default 1: most of the programs have nothing to finish. */
  readonly graceSeconds?: number;
}

/** A Deployment, its ServiceAccount of the same name and, with `ports`, a Service of the same name. */
export function workloadObjects(workload: CheckWorkload, ports: Readonly<Record<string, number>> = {}): object[] {
  const { name, namespace, command, replicas = 1, node, readyPort, labels = {}, graceSeconds = 1 } = workload;
  const metadata = { name, namespace };
  const container = {
    name: 'main',
    image: IMAGE,
    imagePullPolicy: 'IfNotPresent',
    command,
    volumeMounts: [CHECK_MOUNT],
    resources: { requests: { cpu: '10m', memory: '48Mi' } },
    ...(readyPort === undefined ? {} : { readinessProbe: { tcpSocket: { port: readyPort }, periodSeconds: 1 } }),
  };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { ...labels, app: name } },
        spec: {
          serviceAccountName: name,
          terminationGracePeriodSeconds: graceSeconds,
          ...(node === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': node } }),
          containers: [container],
          volumes: [CHECK_VOLUME],
        },
      },
    },
  };
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: {
      selector: { app: name },
      ports: Object.entries(ports).map(([port, number]) => ({ name: port.toLowerCase(), port: number })),
    },
  };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    deployment,
    ...(Object.keys(ports).length === 0 ? [] : [service]),
  ];
}

/** A container that only waits for what `kubectl exec` starts in it. */
export const IDLE: readonly string[] = [
  'node',
  '-e',
  "setInterval(() => {}, 1e6); process.on('SIGTERM', () => process.exit())",
];
