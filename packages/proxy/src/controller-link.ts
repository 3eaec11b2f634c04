import type { Clock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { DeltaClient, type DeltaClientEvent } from '@ambit/xds/delta-client';
import type { RejectedResource, ResourceUpdate } from '@ambit/xds/resource';
import { type ControlPlaneSettings, pemSource } from './control-plane-settings.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';

export interface ControllerLinkOptions {
  readonly settings: ControlPlaneSettings;
  /** First part of the node id: `ztunnel`, `waypoint`. */
  readonly role: string;
  /** Added to what is said of the node. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  readonly metrics: ProxyMetrics;
  /** In the order in which they are to be asked for: what is named before what names it. */
  readonly types: readonly string[];
  /** Versions of what is known already, by type. */
  readonly held: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Resolves, when every data thread works by it, with what was refused. */
  readonly apply: (update: ResourceUpdate) => Promise<RejectedResource[]>;
  /** An attempt to reach the controller failed, or its stream ended. Default: nothing. */
  readonly onDisconnected?: () => void;
}

/** Opens the stream to the controller; undefined when there is none. */
export function connectController(options: ControllerLinkOptions): DeltaClient | undefined {
  const { settings, role, clock, random, log, metrics } = options;
  if (settings.xdsAddress.length === 0) return undefined;
  const { podName, podNamespace, instanceIp, nodeName, clusterDomain, clusterId, network } = settings;
  // Whether this process, or the one before it, has heard of the mesh from the controller.
  let known = options.held.values().some((versions) => versions.size > 0);
  const client = new DeltaClient({
    controlPlane: {
      address: settings.xdsAddress,
      roots: pemSource(settings.xdsRootCa),
      ...(settings.xdsHostname.length > 0 ? { serverName: settings.xdsHostname } : {}),
      tokenFile: settings.authToken,
      clusterId,
    },
    node: {
      id: `${role}~${instanceIp}~${podName}.${podNamespace}~${podNamespace}.svc.${clusterDomain}`,
      metadata: {
        NAME: podName,
        NAMESPACE: podNamespace,
        INSTANCE_IPS: instanceIp,
        NODE_NAME: nodeName,
        CLUSTER_ID: clusterId,
        NETWORK: network,
        ...options.metadata,
      },
    },
    typeUrls: options.types,
    clock,
    random,
    held: options.held,
    apply: options.apply,
    onEvent: (event) => {
      if (event.kind === 'synced') known = true;
      onControllerEvent(event, { log, metrics, known });
      if (event.kind === 'disconnected') options.onDisconnected?.();
    },
  });
  client.start();
  return client;
}

function onControllerEvent(
  event: DeltaClientEvent,
  { log, metrics, known }: Pick<ControllerLinkOptions, 'log' | 'metrics'> & { readonly known: boolean },
): void {
  switch (event.kind) {
    case 'connected':
      metrics.controllerConnected(true);
      log.info('connected to the controller');
      return;
    case 'synced':
      log.info('the controller has described the mesh');
      return;
    case 'rejected':
      metrics.resourcesRejected(event.typeUrl, event.rejected.length);
      return;
    case 'disconnected':
      metrics.controllerConnected(false);
      metrics.controllerStreamEnded(event.error === undefined ? 'Reconnect' : 'ConnectionError');
      log.warn(
        { error: event.error?.message, retryInMs: Math.round(event.retryInMs) },
        known
          ? 'the stream to the controller ended; traffic goes on by what is known'
          : 'the controller cannot be reached; it has not described the mesh to this proxy yet',
      );
      return;
  }
}
