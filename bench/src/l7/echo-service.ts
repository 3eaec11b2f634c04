/** What the generator calls: one Service with a port for HTTP/1.1 and one for gRPC, and two backends behind its routes. */

/** Namespace of the pods and of all objects. */
export const NAMESPACE = 'bench';

export const SERVICE_NAME = 'echo';
/** Where the Service is, as the tunnel to the waypoint names it. */
export const SERVICE_IP = '10.96.0.80';

export interface ServicePort {
  readonly name: 'grpc' | 'http';
  /** As the client dials it. */
  readonly port: number;
}

export const HTTP: ServicePort = { name: 'http', port: 80 };
export const GRPC: ServicePort = { name: 'grpc', port: 81 };
export const SERVICE_PORTS: readonly ServicePort[] = [HTTP, GRPC];

/** Header that leads to the second backend when it is `true`. */
export const CANARY_HEADER = 'x-canary';

export interface Backend {
  readonly name: string;
  readonly ip: string;
  /** What its answers are made of. */
  readonly fill: string;
  /** Share of the requests in percent. */
  readonly weight: number;
  /** Where the servers of the backend's pod listen, by the name of the Service's port. */
  readonly targetPorts: Readonly<Record<ServicePort['name'], number>>;
}

export const STABLE: Backend = {
  name: 'echo-v1',
  ip: '10.96.0.81',
  fill: 'x',
  weight: 90,
  targetPorts: { http: 8080, grpc: 9080 },
};
export const CANARY: Backend = {
  name: 'echo-v2',
  ip: '10.96.0.82',
  fill: 'y',
  weight: 10,
  targetPorts: { http: 8081, grpc: 9081 },
};
export const BACKENDS: readonly Backend[] = [STABLE, CANARY];

/** Who is who. */
export const CLIENT_ACCOUNT = 'client';
export const SERVER_ACCOUNT = 'server';
export const WAYPOINT_NAME = 'waypoint';

export function identityOf(serviceAccount: string): string {
  return `spiffe://cluster.local/ns/${NAMESPACE}/sa/${serviceAccount}`;
}

export const TUNNEL_PORT = 15008;
