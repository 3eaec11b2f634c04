import { AmbitError, messageOf } from '@ambit/core/errors';
import { captureOf } from '@ambit/translation/enrolment';
import type { Model } from '@ambit/translation/model';
import { objectName, type Pod } from '@ambit/translation/objects';
import type { IpAddress } from '@ambit/core/address';
import type { NodeName } from './address-plan.ts';
import type { BedPod } from './pod.ts';
import { chooseNode, isSibling, wantedPods } from './schedule.ts';

/** A pod that is wanted besides those of the manifests. */
export interface PlannedPod {
  readonly wanted: Pod;
  readonly node: NodeName;
  readonly ip: IpAddress | undefined;
}

export interface KubeletContext {
  /** Makes the pod's network; nothing of it runs yet. */
  readonly create: (wanted: Pod, node: NodeName, ip: IpAddress | undefined) => BedPod;
  readonly report: (error: AmbitError) => void;
  /** Pods came or went. */
  readonly onChange: () => void;
}

/** Makes the pods what the manifests say: starts, deletes, labels, enrols them. */
export class Kubelet {
  readonly pods: Map<string, BedPod> = new Map();
  readonly planned: Map<string, PlannedPod> = new Map();
  readonly #context: KubeletContext;
  readonly #tasks = new Set<Promise<void>>();
  /** What could not be created, so that it is said once and not tried in every turn. */
  readonly #refused = new Map<string, Pod>();
  #closing = false;

  constructor(context: KubeletContext) {
    this.#context = context;
  }

  /** Compares what is with what is wanted, and begins to change what differs. */
  reconcile(model: Model): void {
    if (this.#closing) return;
    const wanted = wantedPods(model);
    for (const [key, { wanted: pod }] of this.planned) wanted.set(key, pod);
    for (const pod of this.pods.values()) {
      if (!wanted.has(pod.key) && !pod.deleting && this.#isReplaced(pod, wanted)) this.#task(this.#remove(pod));
    }
    for (const [key, object] of wanted) {
      const pod = this.pods.get(key);
      if (pod === undefined) this.#create(key, object, model);
      else if (!pod.deleting) {
        if (!sameMetadata(pod.wanted, object)) pod.rewrite(object);
        pod.enrolment.want(captureOf(pod.wanted, model.namespaces.get(pod.namespace)).captured);
      }
    }
  }

  /** Resolves when every pod that was begun is started or deleted, enrolled or left alone, and ready. */
  async settled(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
    await Promise.all([...this.pods.values()].map((pod) => pod.enrolment.settled()));
    await Promise.all([...this.pods.values()].filter((pod) => !pod.deleting).map((pod) => pod.whenReady()));
  }

  /** Deletes all pods. */
  async close(grace: number): Promise<void> {
    this.#closing = true;
    await Promise.all([...this.pods.values()].map((pod) => pod.remove(grace)));
    await Promise.all(this.#tasks);
    this.pods.clear();
  }

  #create(key: string, wanted: Pod, model: Model): void {
    if (this.#refused.get(key) === wanted) return;
    const planned = this.planned.get(key);
    let pod: BedPod;
    try {
      if (wanted.spec.hostNetwork === true) {
        throw new AmbitError('AMBIT_BED_SCHEDULE', 'pods in the network of their node are not run here', {
          source: 'configuration',
        });
      }
      const node = planned?.node ?? chooseNode(wanted, [...this.pods.values()]);
      pod = this.#context.create(wanted, node, planned?.ip);
    } catch (error) {
      this.#refused.set(key, wanted);
      this.#report(key, error);
      return;
    }
    this.pods.set(key, pod);
    pod.enrolment.want(captureOf(wanted, model.namespaces.get(wanted.metadata.namespace)).captured);
    this.#task(this.#begin(pod));
  }

  /** Nothing of a pod runs before its traffic is redirected. */
  async #begin(pod: BedPod): Promise<void> {
    await pod.enrolment.settled();
    if (pod.deleting) return;
    try {
      await pod.begin();
    } catch (error) {
      pod.fail(this.#report(pod.key, error));
    }
  }

  async #remove(pod: BedPod): Promise<void> {
    await pod.remove();
    this.pods.delete(pod.key);
    this.#context.onChange();
  }

  /** A pod of an older template stays until those of the new one are ready. */
  #isReplaced(pod: BedPod, wanted: ReadonlyMap<string, Pod>): boolean {
    const successors = [...wanted.values()].filter((object) => isSibling(object, pod.wanted));
    return successors.every((object) => this.pods.get(objectName(object.metadata))?.ready === true);
  }

  #task(task: Promise<void>): void {
    const guarded = task.catch((error: unknown) =>
      this.#context.report(new AmbitError('AMBIT_BED_POD', messageOf(error), { cause: error })),
    );
    this.#tasks.add(guarded);
    void guarded.then(() => this.#tasks.delete(guarded));
  }

  #report(key: string, error: unknown): AmbitError {
    const code = error instanceof AmbitError ? error.code : 'AMBIT_BED_POD';
    const reported = new AmbitError(code, `pod ${key}: ${messageOf(error)}`, { cause: error });
    this.#context.report(reported);
    return reported;
  }
}

function sameMetadata(a: Pod, b: Pod): boolean {
  return (
    JSON.stringify([a.metadata.labels, a.metadata.annotations]) ===
    JSON.stringify([b.metadata.labels, b.metadata.annotations])
  );
}
