import { fileURLToPath } from 'node:url';
import { siblingModule } from '@ambit/core/sibling-module';
import type { BenchPodName } from './bench.ts';
import { SERVER_PORTS } from './clients/options.ts';

interface PodPlan {
  readonly namespace: string;
  readonly node: string;
  readonly program: 'idle' | 'server';
}

/** Where the pods of the checks stand and what they run. */
export const POD_PLANS: Readonly<Record<BenchPodName, PodPlan>> = {
  client: { namespace: 'check', node: 'a', program: 'idle' },
  server: { namespace: 'check', node: 'b', program: 'server' },
  guest: { namespace: 'check-guests', node: 'a', program: 'idle' },
  outsider: { namespace: 'check-outside', node: 'a', program: 'idle' },
  mover: { namespace: 'check-moving', node: 'a', program: 'idle' },
  stayer: { namespace: 'check-moving', node: 'b', program: 'server' },
};

/** The namespace that is labelled and unlabelled, as a manifest. */
export function movingNamespace(labelled: boolean): string {
  return namespace('check-moving', labelled);
}

/** Namespaces, service accounts, pods and services of the checks, without the namespace `check-moving`. */
export function checkManifests(): string {
  return [
    namespace('check', true),
    namespace('check-guests', true),
    namespace('check-outside', false),
    ...Object.entries(POD_PLANS).flatMap(([name, plan]) => [serviceAccount(name, plan), pod(name, plan)]),
    service('server', 'check'),
    service('stayer', 'check-moving'),
  ].join('---\n');
}

function namespace(name: string, labelled: boolean): string {
  const labels = labelled ? '\n  labels:\n    istio.io/dataplane-mode: ambient' : '';
  return `apiVersion: v1
kind: Namespace
metadata:
  name: ${name}${labels}
`;
}

function serviceAccount(name: string, plan: PodPlan): string {
  return `apiVersion: v1
kind: ServiceAccount
metadata:
  name: ${name}
  namespace: ${plan.namespace}
`;
}

function pod(name: string, plan: PodPlan): string {
  const ports = Object.values(SERVER_PORTS).map((port) => `        - containerPort: ${port}`);
  return `apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  namespace: ${plan.namespace}
  labels:
    app: ${name}
spec:
  nodeName: ${plan.node}
  serviceAccountName: ${name}
  containers:
    - name: ${name}
      image: ghcr.io/ambit-mesh/check:0.1.0
      command: ${JSON.stringify(['node', ...nodeArguments(plan.program)])}
${plan.program === 'server' ? `      ports:\n${ports.join('\n')}\n` : ''}`;
}

function service(name: string, inNamespace: string): string {
  const ports = Object.entries(SERVER_PORTS).map(
    ([port, number]) => `    - name: tcp-${port.toLowerCase()}\n      port: ${number}`,
  );
  return `apiVersion: v1
kind: Service
metadata:
  name: ${name}
  namespace: ${inNamespace}
spec:
  selector:
    app: ${name}
  ports:
${ports.join('\n')}
`;
}

/** The programs that run inside pods; each is a file of `clients/`. */
export type ClientProgram = 'dial' | 'idle' | 'load' | 'server' | 'tunnel';

/** Arguments of Node that run one of the clients, as source or compiled, whichever this file is. */
export function nodeArguments(program: ClientProgram): string[] {
  const file = fileURLToPath(siblingModule(import.meta.url, `./clients/${program}`));
  return file.endsWith('.ts') ? ['--conditions=development', file] : [file];
}
