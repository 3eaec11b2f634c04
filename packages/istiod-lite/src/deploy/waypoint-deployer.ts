import { MANAGED_LABEL } from '@ambit/translation/translate/waypoint/deployed-names';
import type { Drainable } from '@ambit/core/drain';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { type KubeClient, KubeError } from '@ambit/kube/client';
import { Informer } from '@ambit/kube/informer';
import {
  DEPLOYMENTS,
  type KubeObject,
  POD_DISRUPTION_BUDGETS,
  type Resource,
  SERVICE_ACCOUNTS,
  SERVICES,
} from '@ambit/kube/resource';
import type { Gateway } from '@ambit/translation/gateway-objects';
import { GATEWAY_NAME_LABEL } from '@ambit/translation/translate/waypoint/deployed-names';
import { MANAGED_BY, type WaypointObjects, type WaypointObjectSettings } from '@ambit/translation/waypoint-objects';
import type { MeshSnapshot } from '../model/mesh-state.ts';
import type { RawObject } from '../watch/api-object.ts';
import { isNotLeading } from '../write/leader-writes.ts';
import { WorkQueue, type WorkQueueParts } from '../write/work-queue.ts';
import { OwnedObjects } from './apply-owned.ts';
import { deleteLeftBehind, isRolledOut } from './left-behind.ts';
import { ParameterMaps } from './parameter-maps.ts';
import { ensureReplicas, ScaledElsewhere } from './replicas.ts';
import { waypointPlan } from './waypoint-plan.ts';

/** Why a Gateway does not have what it asks for, in the terms of its conditions. */
export interface DeployProblem {
  readonly type: 'Accepted' | 'Programmed';
  readonly reason: string;
  readonly message: string;
}

export interface WaypointDeployerParts extends Pick<WorkQueueParts, 'clock' | 'counters' | 'log'> {
  readonly client: KubeClient;
  readonly writes: Pick<KubeClient, 'apply' | 'delete'>;
  readonly settings: WaypointObjectSettings;
  /** An object as it is known now; the deployer watches Deployments and PodDisruptionBudgets by itself. */
  readonly object: (kind: 'Gateway' | 'Service' | 'ServiceAccount', name: string) => RawObject | undefined;
  /** All of a kind. */
  readonly objects: (kind: 'Service' | 'ServiceAccount') => Iterable<RawObject>;
  /** Called when the problem of a Gateway, `namespace/name`, is another one now. */
  readonly onProblem: (gateway: string) => void;
}

/** Makes of accepted Gateways of waypoints what runs them, and makes it good when somebody changes it. What they own goes with them. */
export class WaypointDeployer implements Drainable {
  readonly #parts: WaypointDeployerParts;
  readonly #queue: WorkQueue;
  readonly #owned: OwnedObjects;
  readonly #scaled = new ScaledElsewhere();
  readonly #parameters: ParameterMaps;
  readonly #deployments: Informer<RawObject>;
  readonly #budgets: Informer<RawObject>;
  readonly #problems = new Map<string, DeployProblem>();
  #gateways: ReadonlyMap<string, Gateway> = new Map();

  constructor(parts: WaypointDeployerParts) {
    const { client, writes, clock, log, counters } = parts;
    this.#parts = parts;
    this.#owned = new OwnedObjects(client, writes);
    this.#queue = new WorkQueue({ clock, log, counters, what: 'waypoint', reconcile: (key) => this.#reconcile(key) });
    this.#parameters = new ParameterMaps({ client, clock, log, onChange: (name) => this.#parametersChanged(name) });
    this.#deployments = this.#informer(DEPLOYMENTS);
    this.#budgets = this.#informer(POD_DISRUPTION_BUDGETS);
  }

  /** By `namespace/name` of the Gateway. */
  get problems(): ReadonlyMap<string, DeployProblem> {
    return this.#problems;
  }

  start(): void {
    this.#deployments.start();
    this.#budgets.start();
  }

  lead(leading: boolean): void {
    this.#queue.enable(leading);
    for (const key of this.#gateways.keys()) this.#queue.add(key);
  }

  act({ model, translation }: MeshSnapshot): void {
    const before = this.#gateways;
    this.#gateways = new Map(
      [...translation.waypoints].flatMap(([key, { accepted }]) => {
        const gateway = model.gateways.get(key);
        return gateway === undefined || !accepted || gateway.metadata.deletionTimestamp !== undefined
          ? []
          : [[key, gateway]];
      }),
    );
    this.#parameters.watch(new Set(Array.from(this.#gateways.values(), parametersOf).filter((name) => name !== '')));
    const owners = Array.from(this.#gateways.values(), ({ metadata }) => metadata.uid ?? '');
    this.#owned.retain(new Set(owners));
    for (const key of this.#problems.keys()) if (!this.#gateways.has(key)) this.#problems.delete(key);
    for (const [key, gateway] of this.#gateways) if (before.get(key) !== gateway) this.#queue.add(key);
  }

  /** Called with every Service and ServiceAccount that changed. */
  noticed({ metadata }: KubeObject): void {
    const gateway = metadata.labels?.[GATEWAY_NAME_LABEL];
    const key = `${metadata.namespace ?? ''}/${gateway ?? ''}`;
    if (gateway !== undefined && this.#gateways.has(key)) this.#queue.add(key);
  }

  async close(options: { deadline: number }): Promise<void> {
    this.#stopWatching();
    await this.#queue.close(options);
  }

  destroy(): void {
    this.#stopWatching();
    this.#queue.destroy();
  }

  #stopWatching(): void {
    this.#parameters.destroy();
    this.#deployments.destroy();
    this.#budgets.destroy();
  }

  #informer(resource: Resource): Informer<RawObject> {
    const { client, clock, log } = this.#parts;
    return new Informer<RawObject>({
      ...{ client, clock, log, resource },
      labelSelector: `${MANAGED_LABEL}=${MANAGED_BY}`,
      onChange: ({ kind, object }) => {
        if (kind === 'deleted') this.#scaled.forget(object);
        this.noticed(object);
      },
    });
  }

  #parametersChanged(name: string): void {
    for (const [key, gateway] of this.#gateways) if (parametersOf(gateway) === name) this.#queue.add(key);
  }

  async #reconcile(key: string): Promise<boolean> {
    const gateway = this.#gateways.get(key);
    const ownerUid = gateway?.metadata.uid;
    if (gateway === undefined || ownerUid === undefined || !this.#isThere(key, ownerUid)) return false;
    const named = parametersOf(gateway);
    const parameters = named === '' ? undefined : this.#parameters.get(named);
    // It is not known yet what they say; its coming calls again.
    if (named !== '' && parameters === undefined) return false;
    const plan = waypointPlan(gateway, this.#parts.settings, parameters);
    if ('reason' in plan) {
      this.#report(key, { type: 'Accepted', ...plan });
      return false;
    }
    const { serviceAccount, service, deployment, podDisruptionBudget } = plan.objects;
    const { replicas = 1, ...spec } = deployment.spec;
    const unscaled: KubeObject = { ...deployment, ...{ spec } };
    const { object } = this.#parts;
    const { namespace } = gateway.metadata;
    const wrote: boolean[] = [];
    try {
      for (const [resource, wanted, observed] of [
        [SERVICE_ACCOUNTS, serviceAccount, object('ServiceAccount', `${namespace}/${serviceAccount.metadata.name}`)],
        [SERVICES, service, object('Service', `${namespace}/${service.metadata.name}`)],
        [DEPLOYMENTS, unscaled, this.#deployments.get(deployment.metadata.name, namespace)],
        [POD_DISRUPTION_BUDGETS, podDisruptionBudget, this.#budgets.get(podDisruptionBudget.metadata.name, namespace)],
      ] as const) {
        wrote.push(await this.#owned.ensure({ resource, object: wanted, observed, ownerUid }));
      }
      const running = this.#deployments.get(deployment.metadata.name, namespace);
      wrote.push(await ensureReplicas(this.#parts.writes, { deployment, replicas, running, scaled: this.#scaled }));
      wrote.push(await this.#cleanUp(gateway, plan.objects));
    } catch (error) {
      // That is no problem of the Gateway.
      if (isNotLeading(error)) throw error;
      const reason = isVerdict(error) ? 'Invalid' : 'Pending';
      this.#report(key, { type: 'Programmed', reason, message: messageOf(error) });
      throw error;
    }
    this.#report(key, undefined);
    return wrote.includes(true);
  }

  /** What has the names of before goes when what has those of now can do without it. */
  async #cleanUp(
    gateway: Gateway,
    { serviceAccount, service, deployment, podDisruptionBudget }: WaypointObjects,
  ): Promise<boolean> {
    const { writes, objects } = this.#parts;
    if (!isRolledOut(this.#deployments.get(deployment.metadata.name, gateway.metadata.namespace))) return false;
    return await deleteLeftBehind(writes, gateway, [
      { resource: DEPLOYMENTS, name: deployment.metadata.name, known: this.#deployments.values() },
      { resource: POD_DISRUPTION_BUDGETS, name: podDisruptionBudget.metadata.name, known: this.#budgets.values() },
      { resource: SERVICES, name: service.metadata.name, known: objects('Service') },
      { resource: SERVICE_ACCOUNTS, name: serviceAccount.metadata.name, known: objects('ServiceAccount') },
    ]);
  }

  /** What goes with its Gateway must not be made again before the model has lost that. */
  #isThere(key: string, uid: string): boolean {
    const metadata = this.#parts.object('Gateway', key)?.metadata;
    return metadata?.uid === uid && metadata.deletionTimestamp === undefined;
  }

  #report(key: string, problem: DeployProblem | undefined): void {
    const before = this.#problems.get(key);
    if (before?.message === problem?.message && before?.reason === problem?.reason) return;
    if (problem === undefined) this.#problems.delete(key);
    else this.#problems.set(key, problem);
    if (problem !== undefined) this.#parts.log.warn({ gateway: key, ...problem }, 'a waypoint is not as asked for');
    this.#parts.onProblem(key);
  }
}

/** `namespace/name` of the ConfigMap that a Gateway names, empty when it names none. */
function parametersOf({ metadata, spec }: Gateway): string {
  const parameters = spec.infrastructure?.parametersRef;
  return parameters === undefined ? '' : `${metadata.namespace}/${parameters.name}`;
}

/** Whether an error is about what was asked for, and not about the way there. */
function isVerdict(error: unknown): boolean {
  if (error instanceof KubeError) return error.status === 422 || error.status === 400;
  return error instanceof AmbitError && error.code === 'AMBIT_NOT_OWNED';
}
