import type { Clock } from '@ambit/core/clock';
import type { Logger } from '@ambit/core/log';
import { resourceVersions } from '@ambit/mesh/resource/snapshot';
import { connectController } from '@ambit/proxy/controller-link';
import type { ProxyMetrics } from '@ambit/proxy/proxy-metrics';
import { PROXIES_PENDING } from '@ambit/telemetry/families';
import { ZdsClient, type ZdsState } from '@ambit/zds/client';
import type { Readiness } from '@ambit/proxy/admin/readiness';
import type { Config } from '../config.ts';
import { IDENTITY_LINGER, SNAPSHOT_HEAD_START } from '../limits.ts';
import type { Pods } from './pods.ts';
import type { Certificates } from '@ambit/proxy/certificates';
import { ADDRESS_TYPE, AUTHORIZATION_TYPE, type Resources } from '@ambit/proxy/resources';

export interface ControlPlaneOptions {
  readonly config: Config;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  readonly resources: Resources;
  readonly certificates: Certificates;
  readonly pods: Pods;
  readonly readiness: Readiness;
  readonly metrics: ProxyMetrics;
}

export interface ControlPlaneLinks {
  /** Leaves the node agent, so that it gives new pods to a successor only. */
  leave(): void;
  /** What was done to connections of a pod that go past the proxy; for an agent of ours. */
  tellConnectionsReset(uid: string, summary: string): void;
  close(): Promise<void>;
}

/** Opens the two links on which this proxy hangs: to the controller (the mesh) and to the node agent (the pods). */
export function connectControlPlane(options: ControlPlaneOptions): ControlPlaneLinks {
  const { config, clock, random, log, resources, readiness, metrics } = options;
  const mesh = connectController({
    settings: config,
    role: 'ztunnel',
    clock,
    random,
    log,
    metrics,
    // Policies before what names them.
    types: [AUTHORIZATION_TYPE, ADDRESS_TYPE],
    held: new Map([
      [AUTHORIZATION_TYPE, resourceVersions(resources.store, 'authorization')],
      [ADDRESS_TYPE, resourceVersions(resources.store, 'address')],
    ]),
    apply: (update) => resources.apply(update),
    onDisconnected: () => {
      believe('the controller cannot be reached');
    },
  });
  // A snapshot may be older than the end of the pod before: it counts when nobody is there who knows better.
  if (mesh === undefined) believe('there is no controller');
  else
    clock.setTimeout(
      () => {
        believe(`the controller has not answered within ${SNAPSHOT_HEAD_START} ms`);
      },
      SNAPSHOT_HEAD_START,
      { background: true },
    );
  if (mesh === undefined) readiness.done('controller');
  // With the state of a predecessor the node can be served while the controller is away.
  void resources.known.then(() => {
    readiness.done('controller');
  });
  const agent = connectAgent(options);
  function believe(why: string): void {
    if (resources.believe()) log.warn({ why }, 'the node is served by the last snapshot of the mesh');
  }
  let left: Promise<void> | undefined;
  const leave = (): Promise<void> => (left ??= agent.close());
  return {
    leave: () => void leave(),
    tellConnectionsReset: (uid, summary) => {
      agent.tellConnectionsReset(uid, summary);
    },
    close: async () => {
      await Promise.all([leave(), mesh?.close({ deadline: 1_000 })]);
    },
  };
}

function connectAgent({
  config,
  clock,
  log,
  resources,
  pods,
  certificates,
  readiness,
  metrics,
}: ControlPlaneOptions): ZdsClient {
  let claimed = false;
  let pending: ReadonlyMap<string, string> = new Map();
  // A snapshot also holds the certificates of pods that have gone since.
  const forgetUnused = async (): Promise<void> => {
    await resources.known;
    clock.setTimeout(
      () => {
        certificates.forgetUnused((identity) => pods.uses(identity));
      },
      IDENTITY_LINGER,
      { background: true },
    );
  };
  return new ZdsClient({
    path: config.zdsSocket,
    clock,
    owner: pods,
    onState: (state: ZdsState) => {
      metrics.own.number(PROXIES_PENDING).value = state.pending.size;
      for (const [uid, reason] of state.pending) {
        if (pending.get(uid) !== reason) log.error({ uid, reason }, 'a pod cannot be served yet; it is tried again');
      }
      pending = state.pending;
      if (claimed || !state.connected || !state.synced) return;
      claimed = true;
      pods.releaseUnclaimed();
      void forgetUnused();
      // It goes on serving when the agent is away, and has to say so: a DaemonSet ends an old pod that is not ready at once,
      // before its successor is, and agent and proxy are often replaced together.
      readiness.done('node agent');
    },
    onProblem: ({ code, message }) => {
      log.warn({ code }, message);
    },
  });
}
