import { isReadyPod, isServingPod } from '../enrolment.ts';
import type { Endpoint, Pod } from '../objects.ts';

/**
 * Which Services have an endpoint that is ready. Where none is, endpoints that still serve are published as healthy, be it
 * that they terminate, as kube-proxy uses them too, or that their node is not heard of: the wire knows healthy and unhealthy alone, and node proxies, Istio's too, drop what
 * is unhealthy, so that only the controller can tell a pod that still serves from one that does not serve yet.
 */
export class ReadyServices {
  readonly #ready = new Set<string>();

  addPod(pod: Pod, services: Iterable<string>): void {
    if (isReadyPod(pod)) for (const key of services) this.#ready.add(key);
  }

  /** A machine of which nobody says whether it is well. */
  addMachine(services: Iterable<string>): void {
    for (const key of services) this.#ready.add(key);
  }

  addEndpoint({ conditions }: Endpoint, services: Iterable<string>): void {
    if (conditions?.ready !== false) for (const key of services) this.#ready.add(key);
  }

  /** Whether a pod behind `services` should get connections. */
  usesPod(pod: Pod, services: Iterable<string>): boolean {
    return isReadyPod(pod) || (isServingPod(pod) && this.#misses(services));
  }

  /** The same of an endpoint that no pod stands behind. */
  usesEndpoint({ conditions = {} }: Endpoint, services: Iterable<string>): boolean {
    const { ready, serving, terminating } = conditions;
    return ready !== false || (serving === true && terminating === true && this.#misses(services));
  }

  #misses(services: Iterable<string>): boolean {
    for (const key of services) if (!this.#ready.has(key)) return true;
    return false;
  }
}
