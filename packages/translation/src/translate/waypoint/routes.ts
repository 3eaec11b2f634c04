import type { ClientCertificate, ServedService } from '@ambit/proto/waypoint';
import type { Model } from '../../model.ts';
import type { MeshService } from '../mesh-service.ts';
import type { Condition } from '../condition.ts';
import type { MeshTranslation } from '../mesh.ts';
import type { TranslationSettings } from '../settings.ts';
import { meshConfigName, readMeshConfig } from '../telemetry/mesh-config.ts';
import { RateLimitPolicies } from '../rate-limit/rate-limits.ts';
import { Telemetries } from '../telemetry/telemetries.ts';
import { sortedByName } from '../sorted-by-name.ts';
import { BackendTlsPolicies } from './backend-tls-policies.ts';
import { withClientFields } from './client-fields.ts';
import { clientCertificates } from './client-certificates.ts';
import { DestinationRules } from './destination-rules.ts';
import { GatewayRoutes } from './gateway-routes.ts';
import { SecretCertificates } from './secret-certificates.ts';
import { ServedServices } from './served-service.ts';
import { ServiceCatalog } from './service-catalog.ts';
import { SourceWorkloads } from './source-workloads.ts';
import { VirtualPermissions } from './virtual-permissions.ts';
import { VirtualServices } from './virtual-services.ts';

/** What a model means for waypoints, beyond what node proxies are told. */
export interface RoutesTranslation {
  /** In order of names. */
  readonly servedServices: ReadonlyMap<string, ServedService>;
  readonly conditions: readonly Condition[];
  readonly named: NamedObjects;
  /** In order of names, `<waypoint namespace>/<waypoint name>/<namespace>/<name>`. They hold private keys: never shown. */
  readonly clientCertificates: ReadonlyMap<string, ClientCertificate>;
}

/** Objects that others name, `namespace/name`: nobody else's are read. */
export interface NamedObjects {
  readonly configMaps: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
}

export function translateRoutes(
  model: Model,
  settings: TranslationSettings,
  { bound, servedWorkloads, clients, serviceWorkloads, entryHosts, hosts, authorizers }: MeshTranslation,
): RoutesTranslation {
  const catalog = new ServiceCatalog(model, entryHosts);
  const bindings = Map.groupBy(bound, ({ service }) => service);
  const isReachedAnyway = (parent: MeshService, backend: MeshService): boolean =>
    (bindings.get(parent) ?? []).every(({ waypoint }) =>
      (bindings.get(backend) ?? []).some((other) => other.waypoint === waypoint && !other.judgement.enforced),
    );
  const gatewayRoutes = new GatewayRoutes({
    ...{ model, catalog, hosts, isReachedAnyway },
    hasWaypoint: (service) => bindings.has(service),
  });
  const sources = new SourceWorkloads(clients);
  const virtualServices = new VirtualServices(model, hosts, sources, new VirtualPermissions(model, isReachedAnyway));
  const secrets = new SecretCertificates(model);
  const meshConfig = readMeshConfig(model, settings);
  const destinationRules = new DestinationRules(model, settings, hosts, secrets, meshConfig.localityLb);
  const backendTls = new BackendTlsPolicies(model, catalog);
  const telemetries = new Telemetries(model, settings, catalog, meshConfig);
  const rateLimits = new RateLimitPolicies(model, catalog);
  const clusterParts = { settings, destinationRules, backendTls, serviceWorkloads };
  const completed = (resource: ServedService, service: MeshService | undefined): ServedService =>
    withClientFields(
      rateLimits.applyTo(telemetries.applyTo(authorizers.applyTo(resource, clusterParts), service), service),
      model,
    );
  const served = new ServedServices({
    ...{ settings, gatewayRoutes, virtualServices, destinationRules, backendTls, serviceWorkloads },
    meshRetry: meshConfig.retry,
  });
  const servedServices = new Map(
    bound.map(({ service, waypoint, judgement }): [string, ServedService] => [
      served.nameOf(waypoint, service),
      completed(served.convert(waypoint, service, judgement), service),
    ]),
  );

  const workloads = Array.from(servedWorkloads, ([name, workload]): [string, ServedService] => [
    name,
    completed(workload, undefined),
  ]);

  const everything = new Map([...servedServices, ...workloads]);
  return {
    servedServices: sortedByName(everything),
    conditions: [
      ...gatewayRoutes.conditions(),
      ...virtualServices.conditions(),
      ...destinationRules.conditions(),
      ...telemetries.conditions(),
      ...rateLimits.conditions(),
      ...backendTls.conditions((service) => (bindings.get(service) ?? []).map(({ waypoint }) => waypoint.gateway)),
    ],
    named: { configMaps: new Set([meshConfigName(settings), ...backendTls.configMaps()]), secrets: secrets.named },
    clientCertificates: sortedByName(clientCertificates(everything.values(), secrets)),
  };
}
