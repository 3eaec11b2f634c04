import type { Change } from '@ambit/kube/informer';
import { type MemberContext, PodMember } from './pod-member.ts';
import { type NodePod, nodePodOf, type PodObject } from './node-pod.ts';

export interface NodePodsOptions {
  readonly member: MemberContext;
  /** Whether a pod belongs into the mesh. */
  readonly isEligible: (pod: NodePod) => boolean;
}

/** All pods of the node, kept in step with the API server. */
export class NodePods {
  readonly #options: NodePodsOptions;
  readonly #members = new Map<string, PodMember>();

  constructor(options: NodePodsOptions) {
    this.#options = options;
  }

  /** Takes over what an earlier agent left. Resolves when the proxies can be told of every pod. */
  async begin(objects: Iterable<PodObject>): Promise<void> {
    for (const object of objects) {
      const pod = nodePodOf(object);
      if (pod === undefined || this.#members.has(pod.uid)) continue;
      this.#add(pod).begin(this.#options.isEligible(pod));
      // Looking into a pod takes milliseconds; what else is waiting comes in between.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** A Pod of this node was made, changed or deleted. */
  changed({ kind, object }: Change<PodObject>): void {
    const pod = nodePodOf(object);
    if (pod === undefined) return;
    if (kind === 'deleted') this.forget(pod.uid);
    else this.#see(pod);
  }

  /** The labels of a namespace changed. */
  namespaceChanged(name: string): void {
    for (const member of this.#members.values()) if (member.pod.namespace === name) this.#see(member.pod);
  }

  /** What makes pods eligible changed for all of them. */
  reconsider(): void {
    for (const member of this.#members.values()) this.#see(member.pod);
  }

  /** The pod as a member, known so far or not. */
  member(pod: NodePod): PodMember {
    return this.#members.get(pod.uid) ?? this.#add(pod);
  }

  find(uid: string): PodMember | undefined {
    return this.#members.get(uid);
  }

  members(): PodMember[] {
    return [...this.#members.values()];
  }

  uids(): Set<string> {
    return new Set(this.#members.keys());
  }

  /** The pod is not there any more. */
  forget(uid: string): void {
    const member = this.#members.get(uid);
    this.#members.delete(uid);
    member?.drop();
    this.#options.member.annotation.forget(uid);
  }

  #see(pod: NodePod): void {
    this.member(pod).update(pod, this.#options.isEligible(pod));
  }

  #add(pod: NodePod): PodMember {
    const member = new PodMember(pod, this.#options.member);
    this.#members.set(pod.uid, member);
    return member;
  }
}
