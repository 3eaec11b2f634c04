import type { Clock } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { type KubeClient, KubeError } from '@ambit/kube/client';
import { PODS } from '@ambit/kube/resource';
import { REDIRECTION_ANNOTATION } from '@ambit/translation/enrolment';
import { ANNOTATE_RETRY_FIRST_MS, ANNOTATE_RETRY_LONGEST_MS } from '../limits.ts';

export interface AnnotatedPod {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
}

export interface RedirectionAnnotationOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  /** Whether the API server's copy of the pod has the annotation, as far as is known. */
  readonly isWritten: (pod: AnnotatedPod) => boolean;
  readonly report: (error: AmbitError) => void;
}

/** Writes on pods that they are redirected, which is how the controller learns that they speak HBONE. */
export class RedirectionAnnotation {
  readonly #options: RedirectionAnnotationOptions;
  /** Uid -> what was last asked for. */
  readonly #wanted = new Map<string, boolean>();
  readonly #writing = new Map<string, Promise<void>>();
  #closed = false;

  constructor(options: RedirectionAnnotationOptions) {
    this.#options = options;
  }

  /** Resolves when the API server has it, when the pod is gone, or when something else was asked for since. */
  write(pod: AnnotatedPod, redirected: boolean): Promise<void> {
    this.#wanted.set(pod.uid, redirected);
    // One after the other: two requests under way could arrive in any order.
    const before = this.#writing.get(pod.uid) ?? Promise.resolve();
    const writing = before.then(() => this.#write(pod, redirected));
    this.#writing.set(pod.uid, writing);
    return writing.finally(() => {
      if (this.#writing.get(pod.uid) !== writing) return;
      this.#writing.delete(pod.uid);
      this.#wanted.delete(pod.uid);
    });
  }

  /** The pod is gone: nothing more is tried. */
  forget(uid: string): void {
    this.#wanted.delete(uid);
  }

  close(): void {
    this.#closed = true;
    this.#wanted.clear();
  }

  async #write(pod: AnnotatedPod, redirected: boolean): Promise<void> {
    const { client, clock, isWritten } = this.#options;
    let pause = ANNOTATE_RETRY_FIRST_MS;
    while (!this.#closed && this.#wanted.get(pod.uid) === redirected) {
      if (isWritten(pod) === redirected) return;
      try {
        // The uid makes it fail (409) on another pod of the same name.
        const metadata = { uid: pod.uid, annotations: { [REDIRECTION_ANNOTATION]: redirected ? 'enabled' : null } };
        await client.mergePatch(PODS, pod.name, pod.namespace, { metadata }, { subresource: 'status' });
        return;
      } catch (error) {
        if (error instanceof KubeError && (error.status === 404 || error.status === 409)) return;
        this.#report(pod, redirected, error);
      }
      await new Promise<void>((resolve) => clock.setTimeout(resolve, pause, { background: true }));
      pause = Math.min(pause * 2, ANNOTATE_RETRY_LONGEST_MS);
    }
  }

  #report(pod: AnnotatedPod, redirected: boolean, error: unknown): void {
    const hint = error instanceof KubeError && error.status === 403 ? ' (the agent needs patch on pods/status)' : '';
    const what = redirected ? `be marked ${REDIRECTION_ANNOTATION}=enabled` : `lose the mark ${REDIRECTION_ANNOTATION}`;
    this.#options.report(
      new AmbitError(
        'AMBIT_CNI_ANNOTATION',
        `pod ${pod.namespace}/${pod.name} cannot ${what}: ${messageOf(error)}${hint}`,
        { cause: error, retryable: true },
      ),
    );
  }
}
