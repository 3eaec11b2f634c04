import { fileURLToPath } from 'node:url';
import { siblingModule } from '@ambit/core/sibling-module';
import { PAUSE_IMAGE } from '../bed/images.ts';
import { MACHINE_IMAGE } from '../bed/pod-plan.ts';
import type { BenchPodName } from './bench.ts';
import { SERVER_PORTS } from './clients/options.ts';
import { BACKEND_PORTS } from './clients/requests-options.ts';
import type { PodPlan } from './pod-plan.ts';
import { WAYPOINT_PODS, waypointManifests } from './waypoint/manifests.ts';

/** Where the pods of the checks stand and what they run. */
export const POD_PLANS: Readonly<Record<BenchPodName, PodPlan>> = {
  client: { namespace: 'check', node: 'a' },
  server: { namespace: 'check', node: 'b', program: 'server' },
  guest: { namespace: 'check-guests', node: 'a' },
  outsider: { namespace: 'check-outside', node: 'a' },
  mover: { namespace: 'check-moving', node: 'a' },
  stayer: { namespace: 'check-moving', node: 'b', program: 'server' },
  ...WAYPOINT_PODS,
};

/** The namespace that is labelled and unlabelled, as a manifest; `further`: labels beside that of the mesh. */
export function movingNamespace(labelled: boolean, further: Readonly<Record<string, string>> = {}): string {
  return namespace('check-moving', labelled, further);
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
    waypointManifests(),
  ].join('---\n');
}

function namespace(name: string, labelled: boolean, further: Readonly<Record<string, string>> = {}): string {
  const labels = { ...(labelled ? { 'istio.io/dataplane-mode': 'ambient' } : {}), ...further };
  return `apiVersion: v1
kind: Namespace
metadata:
  name: ${name}
  labels: ${JSON.stringify(labels)}
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

function pod(name: string, { namespace: inNamespace, node, program, app = name, version, options }: PodPlan): string {
  const labels = [`app: ${app}`, ...(version === undefined ? [] : [`version: ${version}`])];
  return `apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  namespace: ${inNamespace}
  labels:
${labels.map((label) => `    ${label}`).join('\n')}
spec:
  nodeName: ${node}
  serviceAccountName: ${name}
  containers:
    - name: ${name}
${program === undefined ? `      image: ${PAUSE_IMAGE}\n` : running(program, { version, ...options })}`;
}

function running(program: NonNullable<PodPlan['program']>, options: Readonly<Record<string, unknown>>): string {
  const { image, command, environment, ports } = PROGRAMS[program](options);
  return `      image: ${image}
      command: ${JSON.stringify(['node', ...command])}
      env: ${JSON.stringify(environment ?? [])}
      ports:
${ports.map((port) => `        - containerPort: ${port}`).join('\n')}
`;
}

interface PodProgram {
  readonly image: string;
  readonly command: readonly string[];
  readonly environment?: readonly { readonly name: string; readonly value: unknown }[];
  readonly ports: readonly number[];
}

const PROGRAMS: Readonly<
  Record<NonNullable<PodPlan['program']>, (options: Readonly<Record<string, unknown>>) => PodProgram>
> = {
  server: () => ({ image: MACHINE_IMAGE, command: nodeArguments('server'), ports: Object.values(SERVER_PORTS) }),
  backend: (options) => ({
    image: MACHINE_IMAGE,
    command: [...nodeArguments('backend'), JSON.stringify(options)],
    ports: Object.values(BACKEND_PORTS),
  }),
  payments: ({ version }) => ({
    image: 'ghcr.io/ambit-mesh/shop:0.1.0',
    command: ['payments.js'],
    environment: [{ name: 'VERSION', value: version }],
    ports: [9090, 8080],
  }),
};

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
export type ClientProgram =
  | 'backend'
  | 'dial'
  | 'failing-server'
  | 'load'
  | 'requests'
  | 'server'
  | 'slow-reader'
  | 'tls-server'
  | 'tunnel'
  | 'upload';

/** Arguments of Node that run one of the clients, as source or compiled, whichever this file is. */
export function nodeArguments(program: ClientProgram): string[] {
  const file = fileURLToPath(siblingModule(import.meta.url, `./clients/${program}`));
  return file.endsWith('.ts') ? ['--conditions=development', file] : [file];
}
