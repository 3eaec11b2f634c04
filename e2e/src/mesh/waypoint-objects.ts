import { checkCommand } from './check-programs.ts';
import { workloadObjects } from './check-pods.ts';

/** A Gateway of a waypoint that any namespace may use. `replicas`: default what the controller gives. */
export function gatewayObject(namespace: string, name: string, replicas?: number): object {
  const annotations = replicas === undefined ? {} : { 'ambit.io/replicas': `${replicas}` };
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name, namespace, annotations },
    spec: {
      gatewayClassName: 'istio-waypoint',
      listeners: [{ name: 'mesh', port: 15008, protocol: 'HBONE', allowedRoutes: { namespaces: { from: 'All' } } }],
    },
  };
}

/** A Service. Ports as `name: number`. */
export function serviceObject(
  namespace: string,
  name: string,
  selector: Readonly<Record<string, string>>,
  ports: Readonly<Record<string, number>>,
): object {
  const list = Object.entries(ports).map(([port, number]) => ({ name: port.toLowerCase(), port: number }));
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: { selector, ports: list } };
}

/** The HTTP server of the checks in a version, with a Service `backend-VERSION`; pods have the labels `tier` and `version`. */
export function backendObjects(namespace: string, version: string, replicas: number): object[] {
  const command = checkCommand('backend', JSON.stringify({ version }));
  const labels = { tier: 'backend', version };
  const workload = { namespace, name: `backend-${version}`, command, replicas, labels, readyPort: 8080 };
  return workloadObjects(workload, { http: 8080 });
}
