import { SERVER_PORTS } from '../check/clients/options.ts';
import type { Mesh } from './test-mesh.ts';

/** Where a sandwiched waypoint of tests takes what comes in tunnels, behind a PROXY header. */
export const GATE_PORT = 15_088;

/** The Gateway `gate-NODE` that somebody else runs, and a Service `behind-NODE` of the servers of both nodes that is bound to it. */
const gate = (node: string): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: gate-${node}, namespace: shop, annotations: { ambient.istio.io/waypoint-inbound-binding: PROXY/${GATE_PORT} } }
spec: { gatewayClassName: somebody-elses, listeners: [{ name: web, port: 80, protocol: HTTP }] }
---
apiVersion: v1
kind: Service
metadata: { name: gate-${node}, namespace: shop, labels: { gateway.networking.k8s.io/gateway-name: gate-${node} } }
spec: { selector: { gateway.networking.k8s.io/gateway-name: gate-${node} }, ports: [{ port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: behind-${node}, namespace: shop, labels: { istio.io/use-waypoint: gate-${node} } }
spec: { selector: { role: server }, ports: [{ port: ${SERVER_PORTS.echoOnce} }] }
`;

/** Starts what stands for somebody else's waypoint on both nodes, as the pods `gate-a` and `gate-b`, and tells the mesh of it. */
export async function openGates(mesh: Mesh, command: readonly string[]): Promise<void> {
  for (const node of ['a', 'b'] as const) {
    const labels = { 'gateway.networking.k8s.io/gateway-name': `gate-${node}` };
    await mesh.bed.node(node).pod({ name: `gate-${node}`, namespace: 'shop', labels, command });
  }
  mesh.bed.apply('gates', ['a', 'b'].map(gate).join('---'));
  await mesh.bed.settled();
}
