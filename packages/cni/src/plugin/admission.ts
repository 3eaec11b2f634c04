import type { Clock } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import type { CaptureDecision } from '@ambit/translation/enrolment';
import { ADD_PATIENCE_MS, ADD_UNBOUND_PATIENCE_MS, POD_POLL_MS, UNKNOWN_POD_PATIENCE_MS } from '../limits.ts';
import { type NodePod, nodePodOf, type PodObject } from '../pods/node-pod.ts';
import type { PodMember } from '../pods/pod-member.ts';
import type { AddRequest } from './add-request.ts';
import type { AddAnswer } from './plugin-server.ts';

export interface AdmissionOptions {
  readonly pods: { readonly member: (pod: NodePod) => Pick<PodMember, 'admit'> };
  /** The pod as the informer has it. */
  readonly known: (name: string, namespace: string) => PodObject | undefined;
  /** Asks the API server; rejects with `KubeError`. */
  readonly ask: (name: string, namespace: string) => Promise<PodObject>;
  readonly decide: (pod: NodePod) => CaptureDecision;
  /** Whether `decide` knows the labels of a namespace: those of a new one come by another watch than its pods. */
  readonly knowsNamespace: (name: string) => boolean;
  /** Resolves when the agent has taken over the pods that were there before it. */
  readonly begun: Promise<void>;
  readonly clock: Clock;
}

/** Decides for the plugin whether a new pod may start, and takes it into the mesh before it does. */
export class Admission {
  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Rejects with an error that says what the pod waits for. */
  async add(request: AddRequest): Promise<AddAnswer> {
    const { begun, clock, decide, pods } = this.#options;
    const { mustWait } = request;
    const patience = mustWait ? ADD_PATIENCE_MS : UNKNOWN_POD_PATIENCE_MS;
    const deadline = clock.now() + (mustWait ? ADD_PATIENCE_MS : ADD_UNBOUND_PATIENCE_MS);
    await this.#within(begun, patience);
    const pod = await this.#find(request, patience);
    await this.#awaitNamespace(pod, Math.min(clock.now() + patience, deadline));
    const { captured, reason } = decide(pod);
    if (!captured) return { enrolled: false, reason };
    if (request.ips.length === 0)
      throw new AmbitError('AMBIT_CNI_REQUEST', `pod ${pod.key} got no address from the CNI plugins before this one`);
    const left = Math.max(deadline - clock.now(), POD_POLL_MS);
    await pods.member(pod).admit(pod, { netns: request.netns, ips: request.ips, patience: left });
    return { enrolled: true, reason };
  }

  async #find(request: AddRequest, patience: number): Promise<NodePod> {
    const { clock, known } = this.#options;
    // The informer is mostly there first; when not, it is about to be.
    for (const until = clock.now() + 10 * POD_POLL_MS; ; ) {
      const pod = podOf(request, known(request.name, request.namespace));
      if (pod !== undefined) return pod;
      if (clock.now() >= until) return await this.#ask(request, patience);
      await new Promise<void>((resolve) => clock.setTimeout(resolve, POD_POLL_MS));
    }
  }

  /** A pod whose namespace is not known yet must not pass for one whose namespace has no label. */
  async #awaitNamespace({ key, namespace }: NodePod, until: number): Promise<void> {
    const { clock, knowsNamespace } = this.#options;
    while (!knowsNamespace(namespace)) {
      if (clock.now() >= until) {
        throw new AmbitError(
          'AMBIT_CNI_POD',
          `it is not known whether pod ${key} belongs into the mesh: the API server has not told the node agent of namespace ${namespace} yet`,
          { retryable: true },
        );
      }
      await new Promise<void>((resolve) => clock.setTimeout(resolve, POD_POLL_MS));
    }
  }

  async #ask(request: AddRequest, patience: number): Promise<NodePod> {
    const key = `${request.namespace}/${request.name}`;
    let object: PodObject;
    try {
      object = await this.#within(this.#options.ask(request.name, request.namespace), patience);
    } catch (error) {
      if (error instanceof AmbitError && error.code === 'AMBIT_CNI_API') throw error;
      throw new AmbitError(
        'AMBIT_CNI_POD',
        `it is not known whether pod ${key} belongs into the mesh: ${messageOf(error)}`,
        {
          retryable: true,
          cause: error,
        },
      );
    }
    const pod = podOf(request, object);
    if (pod === undefined)
      throw new AmbitError('AMBIT_CNI_POD', `pod ${key} is another one by now: its uid is not ${request.uid ?? ''}`);
    return pod;
  }

  async #within<T>(step: Promise<T>, patience: number): Promise<T> {
    const { clock } = this.#options;
    return await new Promise((resolve, reject) => {
      const timer = clock.setTimeout(() => {
        reject(
          new AmbitError(
            'AMBIT_CNI_API',
            'the API server does not answer the node agent; is it reachable, and may the service account istio-cni list pods and namespaces?',
            { retryable: true },
          ),
        );
      }, patience);
      step.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}

/** The pod when it is the one that the sandbox is for, and not an earlier one of the same name. */
function podOf({ uid }: AddRequest, object: PodObject | undefined): NodePod | undefined {
  const pod = object === undefined ? undefined : nodePodOf(object);
  return pod !== undefined && (uid === undefined || uid === pod.uid) ? pod : undefined;
}
