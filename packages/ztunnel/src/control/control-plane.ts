import type { Clock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { resourceVersions } from '@ambit/mesh/resource/snapshot';
import { DeltaClient, type DeltaClientEvent } from '@ambit/xds/delta-client';
import { ZdsClient, type ZdsState } from '@ambit/zds/client';
import type { Readiness } from '../admin/readiness.ts';
import type { Config } from '../config.ts';
import { pemSource } from './certificates.ts';
import type { Pods } from './pods.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';
import { ADDRESS_TYPE, AUTHORIZATION_TYPE, type Resources } from './resources.ts';

export interface ControlPlaneOptions {
  readonly config: Config;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  readonly resources: Resources;
  readonly pods: Pods;
  readonly readiness: Readiness;
  readonly metrics: ProxyMetrics;
}

export interface ControlPlaneLinks {
  /** Leaves the node agent, so that it gives new pods to a successor only. */
  leave(): void;
  close(): Promise<void>;
}

/** Opens the two links on which this proxy hangs: to the controller (the mesh) and to the node agent (the pods). */
export function connectControlPlane(options: ControlPlaneOptions): ControlPlaneLinks {
  const mesh = connectController(options);
  const agent = connectAgent(options);
  let left: Promise<void> | undefined;
  const leave = (): Promise<void> => (left ??= agent.close());
  return {
    leave: () => void leave(),
    close: async () => {
      await Promise.all([leave(), mesh?.close({ deadline: 1_000 })]);
    },
  };
}

function connectController({
  config,
  clock,
  random,
  log,
  resources,
  readiness,
  metrics,
}: ControlPlaneOptions): DeltaClient | undefined {
  if (config.xdsAddress.length === 0) {
    readiness.done('controller');
    return undefined;
  }
  const { podName, podNamespace, instanceIp, nodeName } = config;
  const client = new DeltaClient({
    controlPlane: {
      address: config.xdsAddress,
      roots: pemSource(config.xdsRootCa),
      ...(config.xdsHostname.length > 0 ? { serverName: config.xdsHostname } : {}),
      tokenFile: config.authToken,
      clusterId: config.clusterId,
    },
    node: {
      id: `ztunnel~${instanceIp}~${podName}.${podNamespace}~${podNamespace}.svc.${config.clusterDomain}`,
      metadata: {
        NAME: podName,
        NAMESPACE: podNamespace,
        INSTANCE_IPS: instanceIp,
        NODE_NAME: nodeName,
        CLUSTER_ID: config.clusterId,
        NETWORK: config.network,
      },
    },
    // Policies before what names them.
    typeUrls: [AUTHORIZATION_TYPE, ADDRESS_TYPE],
    clock,
    random,
    held: new Map([
      [AUTHORIZATION_TYPE, resourceVersions(resources.store, 'authorization')],
      [ADDRESS_TYPE, resourceVersions(resources.store, 'address')],
    ]),
    apply: (update) => resources.apply(update),
    onEvent: (event) => {
      onControllerEvent(event, log, metrics);
    },
  });
  client.start();
  // With the state of a predecessor the node can be served while the controller is away.
  void resources.known.then(() => {
    readiness.done('controller');
  });
  return client;
}

function onControllerEvent(event: DeltaClientEvent, log: Logger, metrics: ProxyMetrics): void {
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
        'the stream to the controller ended; traffic goes on by what is known',
      );
      return;
  }
}

function connectAgent({ config, clock, log, pods, readiness, metrics }: ControlPlaneOptions): ZdsClient {
  let ready = false;
  let claimed = false;
  let pending: ReadonlyMap<string, string> = new Map();
  return new ZdsClient({
    path: config.zdsSocket,
    clock,
    owner: pods,
    onState: (state: ZdsState) => {
      metrics.podsPending(state.pending.size);
      for (const [uid, reason] of state.pending) {
        if (pending.get(uid) !== reason) log.error({ uid, reason }, 'a pod cannot be served yet; it is tried again');
      }
      pending = state.pending;
      const now = state.connected && state.synced;
      if (now && !claimed) {
        claimed = true;
        pods.releaseUnclaimed();
      }
      if (now === ready) return;
      ready = now;
      if (now) readiness.done('node agent');
      else readiness.lost('node agent');
    },
    onProblem: ({ code, message }) => {
      log.warn({ code }, message);
    },
  });
}
