import type { BedPod } from '@ambit/local/bed/pod';
import {
  BACKENDS,
  type Backend,
  CANARY,
  CANARY_HEADER,
  GRPC,
  HTTP,
  NAMESPACE,
  SERVICE_IP,
  SERVICE_NAME,
  SERVICE_PORTS,
  type ServicePort,
  TUNNEL_PORT,
  WAYPOINT_NAME,
} from './echo-service.ts';

/** The pods as a cluster would show them, each able to speak HBONE, and their nodes: what the CA wants to know. */
export function podObjects(pods: readonly BedPod[]): object {
  const nodes = [...new Set(pods.map(({ node }) => node))];
  return list([
    ...nodes.map((name) => ({ apiVersion: 'v1', kind: 'Node', metadata: { name } })),
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
    ...pods.map(({ object }) => {
      const annotations = { ...object.metadata.annotations, 'ambient.istio.io/redirection': 'enabled' };
      return { ...object, metadata: { ...object.metadata, annotations } };
    }),
  ]);
}

/** The Service with its waypoint and routes, and `more` beside them; `retry` is that of the HTTPRoute. */
export function routeObjects(more: readonly object[], retry: object | undefined): object {
  const gateway = 'gateway.networking.k8s.io/v1';
  return list([
    {
      apiVersion: gateway,
      kind: 'Gateway',
      metadata: { name: WAYPOINT_NAME, namespace: NAMESPACE },
      spec: {
        gatewayClassName: 'istio-waypoint',
        listeners: [{ name: 'mesh', port: TUNNEL_PORT, protocol: 'HBONE' }],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        name: SERVICE_NAME,
        namespace: NAMESPACE,
        labels: { 'istio.io/use-waypoint': WAYPOINT_NAME },
      },
      spec: serviceSpec(SERVICE_IP, BACKENDS[0]),
    },
    ...BACKENDS.map((backend) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: backend.name, namespace: NAMESPACE },
      spec: serviceSpec(backend.ip, backend),
    })),
    {
      apiVersion: gateway,
      kind: 'HTTPRoute',
      metadata: { name: 'echo-http', namespace: NAMESPACE },
      spec: routeSpec(HTTP, retry),
    },
    {
      apiVersion: gateway,
      kind: 'GRPCRoute',
      metadata: { name: 'echo-grpc', namespace: NAMESPACE },
      spec: routeSpec(GRPC, undefined),
    },
    ...more,
  ]);
}

function serviceSpec(clusterIP: string, backend: Backend | undefined): object {
  return {
    clusterIP,
    clusterIPs: [clusterIP],
    selector: { app: SERVICE_NAME },
    ports: SERVICE_PORTS.map(({ name, port }) => ({ name, port, targetPort: backend?.targetPorts[name] ?? port })),
  };
}

/** HTTPRoute and GRPCRoute are alike in what is used of them. */
function routeSpec({ port }: ServicePort, retry: object | undefined): object {
  const ref = ({ name, weight }: Backend): object => ({ name, port, weight });
  const more = retry === undefined ? {} : { retry };
  return {
    parentRefs: [{ group: '', kind: 'Service', name: SERVICE_NAME, port }],
    rules: [
      { matches: [{ headers: [{ name: CANARY_HEADER, value: 'true' }] }], backendRefs: [ref(CANARY)], ...more },
      { backendRefs: BACKENDS.map(ref), ...more },
    ],
  };
}

function list(items: readonly object[]): object {
  return { apiVersion: 'v1', kind: 'List', items };
}
