import { decodeManifests } from '../../decode.ts';
import { buildModel } from '../../model.ts';
import { translate, type Translation } from '../../translate.ts';
import { DEFAULT_SETTINGS } from '../settings.ts';

/** What objects in YAML mean; throws for those that are wrong. */
export function translated(objects: readonly string[]): Translation {
  const decoded = decodeManifests('test.yaml', objects.join('\n---\n'));
  if (decoded.problems.length > 0) throw new Error(JSON.stringify(decoded.problems));
  return translate(buildModel([{ role: 'manifest', decoded }]).model, DEFAULT_SETTINGS);
}

/** `status reason` of a condition of a route at its first parent, of which only the type is given; undefined: it has none. */
export function verdictOn(translation: Translation, kind: string, name: string, type: string): string | undefined {
  const found = translation.conditions.find((one) => one.kind === kind && one.name === name && one.type === type);
  return found === undefined ? undefined : `${found.status} ${found.reason}`;
}

export function waypoint(namespace: string, name: string, allowedRoutes = '{}'): string {
  return (
    `{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: ${name}, namespace: ${namespace}}, ` +
    'spec: {gatewayClassName: istio-waypoint, listeners: ' +
    `[{name: mesh, port: 15008, protocol: HBONE, allowedRoutes: ${allowedRoutes}}]}}`
  );
}

/** A Service with port 80 of HTTP, at a waypoint `namespace/name` if one is given. */
export function service(namespace: string, name: string, at = '/none', ports = '[{name: http, port: 80}]'): string {
  const [place = '', gateway = ''] = at.split('/');
  const labels = `{istio.io/use-waypoint: ${gateway}${place === '' ? '' : `, istio.io/use-waypoint-namespace: ${place}`}}`;
  return (
    `{apiVersion: v1, kind: Service, metadata: {name: ${name}, namespace: ${namespace}, labels: ${labels}}, ` +
    `spec: {clusterIP: 10.96.0.1, ports: ${ports}}}`
  );
}

export interface RouteText {
  readonly kind?: 'GRPCRoute' | 'HTTPRoute' | 'TCPRoute' | 'TLSRoute';
  readonly namespace: string;
  readonly name: string;
  /** `namespace/name` of the Service that it acts on. */
  readonly parent: string;
  /** `namespace/name` of the one backend, port 80. */
  readonly backend: string;
  /** RFC 3339. */
  readonly created?: string;
}

export function route({ kind = 'HTTPRoute', namespace, name, parent, backend, created }: RouteText): string {
  const [parentNamespace = '', parentName = ''] = parent.split('/');
  const [backendNamespace = '', backendName = ''] = backend.split('/');
  const metadata = { name, namespace, ...(created === undefined ? {} : { creationTimestamp: created }) };
  return JSON.stringify({
    ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind, metadata },
    spec: {
      parentRefs: [{ group: '', kind: 'Service', namespace: parentNamespace, name: parentName }],
      ...(kind === 'TLSRoute' ? { hostnames: ['example.com'] } : {}),
      rules: [{ backendRefs: [{ namespace: backendNamespace, name: backendName, port: 80 }] }],
    },
  });
}
