import { SERVER_PORTS } from '../clients/options.ts';
import { type BackendOptions, OUTAGE_PORT } from '../clients/requests-options.ts';
import type { PodPlan } from '../pod-plan.ts';

/** Namespace of the waypoint and of what is behind it. */
export const L7_NAMESPACE = 'check-l7';

/** The waypoint of the checks, which any namespace may use; two pods. */
export const WAYPOINT = 'check-l7/waypoint';

/** A Service behind the waypoint in front of the check server, which speaks raw TCP. */
export const RAW_SERVICE = 'server-by-waypoint';

/** A port of it of which nothing says what it speaks; leads to `greeting`. */
export const UNDECLARED_PORT = 7202;

type WaypointPodName = 'backend-v1-a' | 'backend-v1-b' | 'backend-v2' | 'till-v1' | 'till-v2';

const BACKEND = { namespace: L7_NAMESPACE, program: 'backend', app: 'backend' } as const;
const TILL = { namespace: L7_NAMESPACE, program: 'payments', app: 'till' } as const;

export const WAYPOINT_PODS: Readonly<Record<WaypointPodName, PodPlan>> = {
  'backend-v1-a': { ...BACKEND, node: 'a', version: 'v1' },
  'backend-v1-b': { ...BACKEND, node: 'b', version: 'v1' },
  'backend-v2': {
    ...BACKEND,
    node: 'b',
    version: 'v2',
    options: { refuses: true, faulty: true } satisfies Partial<BackendOptions>,
  },
  'till-v1': { ...TILL, node: 'a', version: 'v1' },
  'till-v2': { ...TILL, node: 'b', version: 'v2' },
};

/** A Gateway of a waypoint in the namespace of the checks; `purpose`: what it is for. */
export function gateway(name: string, replicas: number, purpose = 'service'): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: ${name}
  namespace: ${L7_NAMESPACE}
  labels:
    istio.io/waypoint-for: ${purpose}
  annotations:
    ambit.io/replicas: "${replicas}"
spec:
  gatewayClassName: istio-waypoint
  listeners:
    - name: mesh
      port: 15008
      protocol: HBONE
      allowedRoutes:
        namespaces:
          from: All
`;
}

/** A Service of the namespace; `waypoint`: what its label says, none without. Ports as `name: number`. */
export function l7Service(
  name: string,
  selector: Readonly<Record<string, string>>,
  ports: Readonly<Record<string, number>>,
  waypoint?: string,
): string {
  return service(
    name,
    L7_NAMESPACE,
    selector,
    ports,
    waypoint === undefined ? {} : { 'istio.io/use-waypoint': waypoint },
  );
}

/** A Service in front of the check server; `waypoint`: of the namespace of the waypoints. */
export function rawService(name: string, waypoint?: string): string {
  const ports = Object.entries(SERVER_PORTS).map(([port, number]): [string, number] => [
    `tcp-${port.toLowerCase()}`,
    number,
  ]);
  const labels = { 'istio.io/use-waypoint': waypoint ?? '', 'istio.io/use-waypoint-namespace': L7_NAMESPACE };
  return service(name, 'check', { app: 'server' }, Object.fromEntries(ports), waypoint === undefined ? {} : labels);
}

/** The waypoint, the Services behind it and those that its routes name. */
export function waypointManifests(): string {
  const backend = { app: 'backend' };
  return [
    `apiVersion: v1
kind: Namespace
metadata:
  name: ${L7_NAMESPACE}
  labels:
    istio.io/dataplane-mode: ambient
`,
    gateway('waypoint', 2),
    l7Service('by-route', backend, { http: 8080 }, 'waypoint'),
    l7Service('by-subset', backend, { http: 8080 }, 'waypoint'),
    l7Service('partly', backend, { http: 8080, 'http-partly': 8090 }, 'waypoint'),
    l7Service('pattern', backend, { http: 8080 }, 'waypoint'),
    l7Service('steady', backend, { http: 8080 }, 'waypoint'),
    l7Service('outage', { ...backend, version: 'v1' }, { http: OUTAGE_PORT }, 'waypoint'),
    l7Service('till', { app: 'till' }, { grpc: 9090 }, 'waypoint'),
    l7Service('backend-v1', { ...backend, version: 'v1' }, { http: 8080 }),
    l7Service('backend-v2', { ...backend, version: 'v2' }, { http: 8080 }),
    `${rawService(RAW_SERVICE, 'waypoint')}    - name: undeclared
      port: ${UNDECLARED_PORT}
      targetPort: ${SERVER_PORTS.greeting}
`,
  ].join('---\n');
}

function service(
  name: string,
  namespace: string,
  selector: Readonly<Record<string, string>>,
  ports: Readonly<Record<string, number>>,
  labels: Readonly<Record<string, string>>,
): string {
  return `apiVersion: v1
kind: Service
metadata:
  name: ${name}
  namespace: ${namespace}
  labels: ${JSON.stringify(labels)}
spec:
  selector: ${JSON.stringify(selector)}
  ports:
${Object.entries(ports)
  .map(([port, number]) => `    - name: ${port}\n      port: ${number}\n`)
  .join('')}`;
}
