import type { Findings } from './check.ts';
import { entryOf, type Located } from '../manifest/located.ts';
import type { ManifestObject } from '../objects.ts';
import { checkBackendTlsPolicy } from './backend-tls-relations.ts';
import { checkDestinationRule } from './destination-relations.ts';
import { checkServiceEntry, checkWorkloadEntry } from './entry-relations.ts';
import { checkGateway } from './gateway-relations.ts';
import { checkLocalRateLimitPolicy } from './rate-limit-relations.ts';
import { checkConnectionRoute, checkGrpcRoute, checkHttpRoute } from './route-relations.ts';
import { checkAuthorizationPolicy, checkPeerAuthentication, checkRequestAuthentication } from './security-relations.ts';
import { checkTelemetry } from './telemetry-relations.ts';
import { checkVirtualService } from './virtual-relations.ts';
import { checkDeployment, checkEndpointSlice, checkPodSpec, checkService } from './workload-relations.ts';

export type Path = readonly (number | string)[];

/** Reports at the value that a path of keys and indexes leads to, or at the nearest one above it. */
export type ReportAt = (path: Path, message: string, cause?: string) => void;

/** What no single field can tell: fields that need or exclude each other. */
export function checkRelations(object: ManifestObject, root: Located, findings: Findings): void {
  const report: ReportAt = (path, message, cause) => {
    findings.report(nearest(root, path).position, textOfPath(path), message, cause);
  };
  switch (object.kind) {
    case 'AuthorizationPolicy':
      checkAuthorizationPolicy(object, report);
      break;
    case 'Deployment':
      checkDeployment(object, report);
      break;
    case 'EndpointSlice':
      checkEndpointSlice(object, report);
      break;
    case 'PeerAuthentication':
      checkPeerAuthentication(object, report);
      break;
    case 'Pod':
      checkPodSpec(object.spec, ['spec'], report);
      break;
    case 'RequestAuthentication':
      checkRequestAuthentication(object, report);
      break;
    case 'Service':
      checkService(object, report);
      break;
    case 'DestinationRule':
      checkDestinationRule(object, report);
      break;
    case 'Gateway':
      checkGateway(object, report);
      break;
    case 'GRPCRoute':
      checkGrpcRoute(object, report);
      break;
    case 'HTTPRoute':
      checkHttpRoute(object, report);
      break;
    case 'LocalRateLimitPolicy':
      checkLocalRateLimitPolicy(object, report);
      break;
    case 'TCPRoute':
    case 'TLSRoute':
      checkConnectionRoute(object, report);
      break;
    case 'ServiceEntry':
      checkServiceEntry(object, report);
      break;
    case 'WorkloadEntry':
      checkWorkloadEntry(object, report);
      break;
    case 'Telemetry':
      checkTelemetry(object, report);
      break;
    case 'VirtualService':
      checkVirtualService(object, report);
      break;
    case 'BackendTLSPolicy':
      checkBackendTlsPolicy(object, report);
      break;
    case 'ConfigMap':
    case 'GatewayClass':
    case 'Namespace':
    case 'Node':
    case 'ReferenceGrant':
    case 'Secret':
    case 'ServiceAccount':
      break;
  }
}

function nearest(root: Located, path: readonly (number | string)[]): Located {
  let node = root;
  for (const step of path) {
    const next = typeof step === 'number' ? (node.kind === 'list' ? node.items[step] : undefined) : entryOf(node, step);
    if (next === undefined) break;
    node = next;
  }
  return node;
}

function textOfPath(path: readonly (number | string)[]): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}
