import { randomBytes } from 'node:crypto';
import type { Clock } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import { messageOf } from '@ambit/core/errors';
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
import { NotHonouredReport } from '../status/not-honoured-report.ts';
import { StatusWriter } from '../status/status-writer.ts';
import { keyOf, type RawObject } from '../watch/api-object.ts';
import type { KindState } from '../watch/kubernetes.ts';
import type { WatchedKind } from '../watch/watched-kinds.ts';
import { LEADER_LEASE } from '../write/leader-lease.ts';

export interface ClusterWritersParts {
  readonly client: KubeClient;
  readonly options: Options;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
  readonly object: (kind: WatchedKind, name: string) => RawObject | undefined;
  /** All of a kind. */
  readonly objects: (kind: WatchedKind) => Iterable<RawObject>;
}

/** Everything that is written to the API server, and the election of the one replica that writes it. */
export class ClusterWriters implements Drainable {
  readonly #log: Logger;
  readonly #election: LeaderElection;
  readonly #roots: RootConfigMaps;
  readonly #classes: GatewayClasses;
  readonly #deployer: WaypointDeployer;
  readonly #status: StatusWriter;
  readonly #notHonoured: NotHonouredReport;

  constructor({ options, object, objects, ...parts }: ClusterWritersParts) {
    const { client, clock, log } = parts;
    this.#log = log;
    const { clusterDomain, clusterId, network, revision, rootNamespace, trustDomain, waypointImage } = options;
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
      objects,
      onProblem: () => this.#status.deployed(),
    });
    const deployProblems = this.#deployer.problems;
    this.#status = new StatusWriter({ ...parts, clusterDomain, revision, deployProblems, object });
    this.#notHonoured = new NotHonouredReport({ ...parts, revision });
    this.#election = new LeaderElection({
      ...{ client, clock, log, namespace: rootNamespace, name: LEADER_LEASE },
      // A pod that is killed and comes back under its name must not take its predecessor's Lease for its own.
      identity: `${options.podName}_${randomBytes(4).toString('hex')}`,
      onChange: (leading) => this.#lead(leading),
    });
  }

  get leading(): boolean {
    return this.#election.leading;
  }

  /** Objects that nobody acts on, one line each. */
  get notHonoured(): readonly string[] {
    return this.#notHonoured.lines;
  }

  /** How the kinds of these are watched. */
  notHonouredStates(): KindState[] {
    return this.#notHonoured.states();
  }

  start(rootsPem: string): void {
    this.#roots.start(rootsPem);
    this.#deployer.start();
    this.#election.start();
  }

  act(snapshot: MeshSnapshot): void {
    const writers: readonly { readonly act: (snapshot: MeshSnapshot) => void }[] = [
      { act: ({ model }) => this.#roots.act(model) },
      { act: ({ model }) => this.#classes.act(model) },
      this.#deployer,
      this.#status,
      this.#notHonoured,
    ];
    for (const writer of writers) {
      try {
        writer.act(snapshot);
      } catch (error) {
        // What one of them cannot digest must keep neither the others nor the proxies from it.
        this.#log.error({ code: 'AMBIT_INTERNAL', reason: messageOf(error) }, 'a change cannot be acted on');
      }
    }
  }

  /** Called with every object of the model that changed, in whatever part. */
  readonly noticed = (kind: WatchedKind, object: RawObject): void => {
    if (kind === 'Service' || kind === 'ServiceAccount') this.#deployer.noticed(object);
    this.#status.noticed(kind, keyOf(object));
  };

  async close(options: { deadline: number }): Promise<void> {
    const writers = [this.#notHonoured, this.#status, this.#deployer, this.#classes.queue, this.#roots];
    await Promise.all(writers.map((writer) => writer.close(options)));
    await this.#election.close(options);
  }

  destroy(): void {
    const writers = [this.#notHonoured, this.#status, this.#deployer, this.#classes.queue, this.#roots];
    for (const writer of writers) writer.destroy();
    this.#election.destroy();
  }

  #lead(leading: boolean): void {
    const writers = [this.#roots, this.#classes, this.#deployer, this.#status, this.#notHonoured];
    for (const writer of writers) writer.lead(leading);
  }
}
