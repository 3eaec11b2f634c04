import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import { messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import type { KubeClient } from '@ambit/kube/client';
import { LeaderElection } from '@ambit/kube/leader-election';
import { ValidationWebhook } from '../admission/webhook-configuration.ts';
import type { AuthorityInForce } from '../ca/authority-in-force.ts';
import { renewSelfSigned } from '../ca/authority-secret.ts';
import { HANDOVER_SECRET, writeHandover } from '../ca/handover-secret.ts';
import { RootConfigMaps } from '../ca/root-config-maps.ts';
import { GatewayClasses } from '../deploy/gateway-classes.ts';
import { WaypointDeployer } from '../deploy/waypoint-deployer.ts';
import { ROOT_CHECK_MS, WAYPOINT_REPLICAS } from '../limits.ts';
import type { MeshSnapshot } from '../model/mesh-state.ts';
import type { Options } from '../options.ts';
import type { Counters } from '../serve/counters.ts';
import { NotHonouredReport } from '../status/not-honoured-report.ts';
import { StatusWriter } from '../status/status-writer.ts';
import { keyOf, type RawObject } from '../watch/api-object.ts';
import type { KindState } from '../watch/kubernetes.ts';
import type { WatchedKind } from '../watch/watched-kinds.ts';
import { LEADER_LEASE } from '../write/leader-lease.ts';
import { LeaderWrites } from '../write/leader-writes.ts';
import { WorkQueue } from '../write/work-queue.ts';

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
  readonly #handover: WorkQueue;
  /** Undefined: objects are not checked before they are stored. */
  readonly #webhook: ValidationWebhook | undefined;
  readonly #parts: ClusterWritersParts;
  readonly #writes: LeaderWrites;
  #authority: AuthorityInForce | undefined;
  /** What stands in its Secret, as far as this replica knows. */
  #handoverWritten: string | undefined;
  #rootCheck: Timer | undefined;

  constructor(all: ClusterWritersParts) {
    const { options, object, objects, ...read } = all;
    const { client, clock, log } = read;
    this.#writes = new LeaderWrites(client, () => this.leading);
    const parts = { ...read, writes: this.#writes };
    this.#parts = all;
    this.#log = log;
    const { clusterDomain, clusterId, network, revision, rootNamespace, trustDomain, waypointImage } = options;
    this.#roots = new RootConfigMaps(parts);
    this.#handover = new WorkQueue({ ...parts, what: HANDOVER_SECRET, reconcile: () => this.#writeHandover() });
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
    this.#webhook =
      options.validationWebhook === ''
        ? undefined
        : new ValidationWebhook({ ...parts, name: options.validationWebhook, namespace: rootNamespace, revision });
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

  /** Whether the API server stores nothing that the webhook has not looked at. */
  get checksObjects(): boolean {
    return this.#webhook?.enforced ?? false;
  }

  /** How the kinds of these are watched. */
  notHonouredStates(): KindState[] {
    return this.#notHonoured.states();
  }

  start(authority: AuthorityInForce): void {
    this.#authority = authority;
    this.#roots.start(authority.rootsPem);
    this.#deployer.start();
    this.#webhook?.start(authority.rootsPem);
    this.#election.start();
  }

  /** The authority has changed, or a step of its handover was taken. */
  authorityChanged({ rootsPem }: AuthorityInForce): void {
    this.#roots.change(rootsPem);
    this.#webhook?.change(rootsPem);
    this.#handover.add(HANDOVER_SECRET);
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
    this.#rootCheck?.cancel();
    await Promise.all(this.#closing().map((writer) => writer.close(options)));
    await this.#election.close(options);
  }

  destroy(): void {
    this.#rootCheck?.cancel();
    for (const writer of this.#closing()) writer.destroy();
    this.#election.destroy();
  }

  #closing(): readonly Drainable[] {
    const webhook = this.#webhook === undefined ? [] : [this.#webhook];
    const { queue } = this.#classes;
    return [this.#notHonoured, this.#status, this.#deployer, queue, this.#roots, this.#handover, ...webhook];
  }

  #lead(leading: boolean): void {
    const writers = [this.#roots, this.#classes, this.#deployer, this.#status, this.#notHonoured];
    for (const writer of writers) writer.lead(leading);
    this.#webhook?.lead(leading);
    this.#handover.enable(leading);
    // The replica that led before may have died before it had written.
    this.#handoverWritten = undefined;
    this.#handover.add(HANDOVER_SECRET);
    this.#rootCheck?.cancel();
    if (leading) void this.#renewRoot();
  }

  async #writeHandover(): Promise<boolean> {
    if (this.#authority === undefined) return false;
    const handover = this.#authority.save();
    const text = handover === undefined ? '' : JSON.stringify(handover);
    if (text === this.#handoverWritten) return false;
    await writeHandover(this.#writes, this.#parts.options.rootNamespace, handover);
    this.#handoverWritten = text;
    return true;
  }

  /** Renews the self-signed root in time; looks now and then. */
  async #renewRoot(): Promise<void> {
    const { client, clock, log, options } = this.#parts;
    const { rootNamespace: namespace, trustDomain } = options;
    try {
      await renewSelfSigned({ client, namespace, trustDomain, clock, log });
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'the self-signed root cannot be looked at or renewed; trying again');
    }
    if (!this.leading) return;
    // Who led twice in a while looks once all the same.
    this.#rootCheck?.cancel();
    this.#rootCheck = clock.setTimeout(() => void this.#renewRoot(), ROOT_CHECK_MS, { background: true });
  }
}
