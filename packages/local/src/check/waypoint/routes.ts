import { L7_NAMESPACE } from './manifests.ts';

/** Weights of v1 and v2. */
export type Weights = readonly [v1: number, v2: number];

export const USUAL_WEIGHTS: Weights = [90, 10];

/** Names of the manifests that hold the two routes. */
export const ROUTE_MANIFEST = 'check-route';
export const SUBSETS_MANIFEST = 'check-subsets';

/** The canary as HTTPRoutes, for the Service `by-route`, and a route that retries, for `partly`. */
export function weightedRoute([v1, v2]: Weights): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: by-route
  namespace: ${L7_NAMESPACE}
spec:
  parentRefs: [{group: "", kind: Service, name: by-route, port: 8080}]
  rules:
    - matches: [{headers: [{name: x-canary, value: "true"}]}]
      backendRefs: [{name: backend-v2, port: 8080}]
    - backendRefs:
        - {name: backend-v1, port: 8080, weight: ${v1}}
        - {name: backend-v2, port: 8080, weight: ${v2}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: partly
  namespace: ${L7_NAMESPACE}
spec:
  parentRefs: [{group: "", kind: Service, name: partly, port: 8080}]
  rules:
    - backendRefs: [{name: partly, port: 8080}]
      retry: {codes: [503], attempts: 3}
`;
}

/** The same by subsets, for the Service `by-subset`; it retries whatever may be retried. */
export function weightedSubsets([v1, v2]: Weights): string {
  const host = `by-subset.${L7_NAMESPACE}.svc.cluster.local`;
  return `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: by-subset
  namespace: ${L7_NAMESPACE}
spec:
  host: ${host}
  subsets:
    - {name: v1, labels: {version: v1}}
    - {name: v2, labels: {version: v2}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: by-subset
  namespace: ${L7_NAMESPACE}
spec:
  hosts: [${host}]
  http:
    - match: [{headers: {x-canary: {exact: "true"}}}]
      route: [{destination: {host: ${host}, subset: v2}}]
    - retries: {attempts: 3, retryOn: "5xx,reset,connect-failure"}
      route:
        - {destination: {host: ${host}, subset: v1}, weight: ${v1}}
        - {destination: {host: ${host}, subset: v2}, weight: ${v2}}
`;
}
