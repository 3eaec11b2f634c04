import { fileURLToPath } from 'node:url';
import { siblingModule } from '@ambit/core/sibling-module';
import { PAUSE_IMAGE } from '../bed/images.ts';
import { MACHINE_IMAGE } from '../bed/pod-plan.ts';
import type { BenchPodName } from './bench.ts';
import { SERVER_PORTS } from './clients/options.ts';

interface PodPlan {
  readonly namespace: string;
  readonly node: string;
  /** Without one the pod is a place to run programs in. */
  readonly program?: 'server';
}

/** Where the pods of the checks stand and what they run. */
export const POD_PLANS: Readonly<Record<BenchPodName, PodPlan>> = {
  client: { namespace: 'check', node: 'a' },
  server: { namespace: 'check', node: 'b', program: 'server' },
  guest: { namespace: 'check-guests', node: 'a' },
  outsider: { namespace: 'check-outside', node: 'a' },
  mover: { namespace: 'check-moving', node: 'a' },
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
${plan.program === undefined ? `      image: ${PAUSE_IMAGE}\n` : running(plan.program)}`;
}

function running(program: ClientProgram): string {
  const ports = Object.values(SERVER_PORTS).map((port) => `        - containerPort: ${port}`);
  return `      image: ${MACHINE_IMAGE}
      command: ${JSON.stringify(['node', ...nodeArguments(program)])}
      ports:
${ports.join('\n')}
`;
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
export type ClientProgram = 'dial' | 'load' | 'server' | 'tunnel';

/** Arguments of Node that run one of the clients, as source or compiled, whichever this file is. */
export function nodeArguments(program: ClientProgram): string[] {
  const file = fileURLToPath(siblingModule(import.meta.url, `./clients/${program}`));
  return file.endsWith('.ts') ? ['--conditions=development', file] : [file];
}
