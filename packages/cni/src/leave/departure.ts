import type { Clock } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import type { HostProbes } from '@ambit/enrolment/host-probes';
import type { KubeClient } from '@ambit/kube/client';
import { PODS } from '@ambit/kube/resource';
import type { Installer } from '../install/installer.ts';
import { DEPARTURE_POLL_MS, RUNTIME_REREADS_MS } from '../limits.ts';
import type { NodePods } from '../pods/node-pods.ts';
import type { StoredView } from '../stored-view.ts';
import { type Fate, UNINSTALLED_ANNOTATION } from './mark.ts';

export interface DepartureOptions {
  readonly pods: NodePods;
  readonly probes: HostProbes;
  readonly installer: Installer;
  readonly view: StoredView;
  readonly client: KubeClient;
  /** The agent's own Pod. */
  readonly self: { readonly name: string; readonly namespace: string };
  readonly clock: Clock;
  readonly log: Logger;
}

/** Installs the plugin, or takes the whole mesh off the node, as its DaemonSet says, and back again. */
export class Departure {
  readonly #options: DepartureOptions;
  #fate: Fate = { kind: 'stays' };
  #working: Promise<void> = Promise.resolve();
  /** Whether the mesh has begun to leave, or has left. */
  #leaving = false;
  /** What was last written on the agent's own Pod. */
  #said: string | undefined;

  constructor(options: DepartureOptions) {
    this.#options = options;
  }

  /** Begins what the fate asks for, after what is under way. */
  follow(fate: Fate): void {
    this.#fate = fate;
    this.#working = this.#working.then(() => this.#work());
  }

  async #work(): Promise<void> {
    const fate = this.#fate;
    if (fate.kind === 'leaves') {
      if (!this.#leaving) await this.#leave();
      await this.#say(fate.mark);
      return;
    }
    if (fate.kind === 'stays') await this.#stay();
  }

  async #stay(): Promise<void> {
    const { installer, log, pods, probes, view } = this.#options;
    if (this.#leaving) {
      this.#leaving = false;
      log.warn({}, 'the mesh stays on this node after all');
      this.#attempt('write the rules of the node', () => probes.repair());
      view.write();
      pods.reconsider();
    }
    installer.start();
    if (this.#said !== undefined) await this.#say(undefined);
  }

  /** No new pod waits, every pod leaves in order, and then nothing is left. */
  async #leave(): Promise<void> {
    const { installer, log, pods, probes, view } = this.#options;
    this.#leaving = true;
    log.warn({}, 'the mesh leaves this node: its DaemonSet says so');
    this.#attempt('take the plugin out of the network configuration', () => installer.withdraw());
    view.write();
    pods.reconsider();
    await this.#pause(RUNTIME_REREADS_MS);
    while (this.#isLeaving() && pods.members().some(({ joined }) => joined !== undefined))
      await this.#pause(DEPARTURE_POLL_MS);
    if (!this.#isLeaving()) return;
    this.#attempt('remove the rules of the node', () => probes.removeRules());
    this.#attempt('remove the plugin', () => installer.removeProgram());
    this.#attempt('remove the stored view', () => view.remove());
    log.warn({}, 'nothing of the mesh is left on this node');
  }

  /** Writes on the agent's own Pod how it went, until that is done or nobody wants to know any more. */
  async #say(mark: string | undefined): Promise<void> {
    const { client, log, self } = this.#options;
    const fate = this.#fate;
    while (this.#fate === fate) {
      try {
        const metadata = { annotations: { [UNINSTALLED_ANNOTATION]: mark ?? null } };
        await client.mergePatch(PODS, self.name, self.namespace, { metadata }, { subresource: 'status' });
        this.#said = mark;
        return;
      } catch (error) {
        log.warn({ error: messageOf(error) }, 'cannot say that the mesh has left this node');
        await this.#pause(RUNTIME_REREADS_MS);
      }
    }
  }

  #isLeaving(): boolean {
    return this.#fate.kind === 'leaves';
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.#options.clock.setTimeout(resolve, milliseconds, { background: true }));
  }

  #attempt(what: string, step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#options.log.error({ error: messageOf(error) }, `cannot ${what}`);
    }
  }
}
