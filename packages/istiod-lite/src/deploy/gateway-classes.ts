import { type KubeClient, KubeError } from '@ambit/kube/client';
import { GATEWAY_CLASSES, type KubeObject } from '@ambit/kube/resource';
import type { Model } from '@ambit/translation/model';
import { WAYPOINT_CLASSES, WAYPOINT_CONTROLLER } from '@ambit/translation/translate/waypoint/deployed-names';
import { WorkQueue, type WorkQueueParts } from '../write/work-queue.ts';

interface GatewayClass extends KubeObject {
  readonly kind: 'GatewayClass';
  readonly spec: { readonly controllerName: string; readonly description: string };
}

export interface GatewayClassesParts extends Pick<WorkQueueParts, 'clock' | 'counters' | 'log'> {
  readonly writes: Pick<KubeClient, 'create'>;
}

/** Makes the classes of waypoints, and makes them again when they are deleted. One that is there, of whoever, is left alone. */
export class GatewayClasses {
  readonly #writes: Pick<KubeClient, 'create'>;
  readonly queue: WorkQueue;
  #known: Model['gatewayClasses'] | undefined;

  constructor({ writes, ...parts }: GatewayClassesParts) {
    this.#writes = writes;
    this.queue = new WorkQueue({ ...parts, what: 'gateway-class', reconcile: (name) => this.#reconcile(name) });
  }

  lead(leading: boolean): void {
    this.queue.enable(leading);
    this.#check();
  }

  act({ gatewayClasses }: Model): void {
    this.#known = gatewayClasses;
    this.#check();
  }

  #check(): void {
    for (const name of WAYPOINT_CLASSES) if (this.#isMissing(name)) this.queue.add(name);
  }

  #isMissing(name: string): boolean {
    return this.#known !== undefined && !this.#known.has(name);
  }

  async #reconcile(name: string): Promise<boolean> {
    if (!this.#isMissing(name)) return false;
    const gatewayClass: GatewayClass = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'GatewayClass',
      metadata: { name },
      spec: { controllerName: WAYPOINT_CONTROLLER, description: 'Waypoints: proxies that judge and route HTTP' },
    };
    try {
      await this.#writes.create(GATEWAY_CLASSES, gatewayClass);
      return true;
    } catch (error) {
      if (error instanceof KubeError && error.code === 'AMBIT_KUBE_CONFLICT') return false;
      throw error;
    }
  }
}
