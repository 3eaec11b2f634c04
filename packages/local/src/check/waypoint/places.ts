import { MACHINE_IMAGE } from '../../bed/pod-plan.ts';
import type { BenchNodeName } from '../bench.ts';
import { BACKEND_PORTS } from '../clients/requests-options.ts';
import { nodeArguments } from '../manifests.ts';

/** A pod that serves HTTP and is not started again when it dies, as on a node that is lost. */
export interface PlacedBackend {
  readonly name: string;
  readonly namespace: string;
  readonly node: BenchNodeName;
  readonly app: string;
}

/** Manifest of such pods. Each is ready when it listens. */
export function placedBackends(backends: readonly PlacedBackend[]): string {
  return backends.map(placedBackend).join('---\n');
}

function placedBackend({ name, namespace, node, app }: PlacedBackend): string {
  const command = JSON.stringify(['node', ...nodeArguments('backend'), JSON.stringify({ version: node })]);
  return `apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  namespace: ${namespace}
  labels:
    app: ${app}
spec:
  nodeName: ${node}
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers:
    - name: ${name}
      image: ${MACHINE_IMAGE}
      command: ${command}
      ports:
        - containerPort: ${BACKEND_PORTS.http}
      readinessProbe:
        tcpSocket:
          port: ${BACKEND_PORTS.http}
        periodSeconds: 1
`;
}
