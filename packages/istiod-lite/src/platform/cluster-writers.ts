import { randomBytes } from 'node:crypto';
import type { Clock } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import type { Logger } from '@ambit/core/log';
import type { KubeClient } from '@ambit/kube/client';
import { LeaderElection } from '@ambit/kube/leader-election';
import { RootConfigMaps } from '../ca/root-config-maps.ts';
import { GatewayClasses } from '../deploy/gateway-classes.ts';
import { WaypointDeployer } from '../deploy/waypoint-deployer.ts';
import { WAYPOINT_REPLICAS } from '../limits.ts';
import type { MeshSnapshot } from '../model/mesh-state.ts';
import type { Options } from '../options.ts';
import type { Counters } from '../serve/counters.ts';
import { StatusWriter } from '../status/status-writer.ts';
import { keyOf, type RawObject } from '../watch/api-object.ts';
import type { WatchedKind } from '../watch/watched-kinds.ts';

const LEASE = 'ambit-leader';

export interface ClusterWritersParts {
  readonly client: KubeClient;
  readonly options: Options;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
  readonly object: (kind: WatchedKind, name: string) => RawObject | undefined;
}

/** Everything that is written to the API server, and the election of the one replica that writes it. */
export class ClusterWriters implements Drainable {
  readonly #election: LeaderElection;
  readonly #roots: RootConfigMaps;
  readonly #classes: GatewayClasses;
  readonly #deployer: WaypointDeployer;
  readonly #status: StatusWriter;

  constructor({ options, object, ...parts }: ClusterWritersParts) {
    const { client, clock, log } = parts;
    const { clusterDomain, clusterId, network, rootNamespace, trustDomain, waypointImage } = options;
    this.#roots = new RootConfigMaps(parts);
    this.#classes = new GatewayClasses(parts);
    this.#deployer = new WaypointDeployer({
      ...parts,
      settings: {
        ...{ clusterDomain, clusterId, network, rootNamespace, trustDomain },
        image: waypointImage,
        replicas: WAYPOINT_REPLICAS,
      },
      object,
      onProblem: () => this.#status.deployed(),
    });
    this.#status = new StatusWriter({ ...parts, clusterDomain, deployProblems: this.#deployer.problems, object });
    this.#election = new LeaderElection({
      ...{ client, clock, log, namespace: rootNamespace, name: LEASE },
      // A pod that is killed and comes back under its name must not take its predecessor's Lease for its own.
      identity: `${options.podName}_${randomBytes(4).toString('hex')}`,
      onChange: (leading) => this.#lead(leading),
    });
  }

  get leading(): boolean {
    return this.#election.leading;
  }

  start(rootsPem: string): void {
    this.#roots.start(rootsPem);
    this.#deployer.start();
    this.#election.start();
  }

  act(snapshot: MeshSnapshot): void {
    this.#roots.act(snapshot.model);
    this.#classes.act(snapshot.model);
    this.#deployer.act(snapshot);
    this.#status.act(snapshot);
  }

  /** Called with every object of the model that changed, in whatever part. */
  readonly noticed = (kind: WatchedKind, object: RawObject): void => {
    if (kind === 'Service' || kind === 'ServiceAccount') this.#deployer.noticed(object);
    this.#status.noticed(kind, keyOf(object));
  };

  async close(options: { deadline: number }): Promise<void> {
    const writers = [this.#status, this.#deployer, this.#classes.queue, this.#roots];
    await Promise.all(writers.map((writer) => writer.close(options)));
    await this.#election.close(options);
  }

  destroy(): void {
    for (const writer of [this.#status, this.#deployer, this.#classes.queue, this.#roots]) writer.destroy();
    this.#election.destroy();
  }

  #lead(leading: boolean): void {
    for (const writer of [this.#roots, this.#classes, this.#deployer, this.#status]) writer.lead(leading);
  }
}
