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
  readonly pods: Pick<NodePods, 'members' | 'reconsider'>;
  readonly probes: Pick<HostProbes, 'removeRules' | 'repair'>;
  readonly installer: Pick<Installer, 'removeProgram' | 'start' | 'withdraw'>;
  readonly view: Pick<StoredView, 'remove' | 'write'>;
  readonly client: Pick<KubeClient, 'mergePatch'>;
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
  /** Whether nothing of it is left. */
  #left = false;
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
      if (!this.#left) await this.#leave();
      if (this.#left) await this.#say(fate.mark);
      return;
    }
    if (fate.kind === 'stays') await this.#stay();
  }

  async #stay(): Promise<void> {
    const { installer, log, pods, probes, view } = this.#options;
    if (this.#leaving) {
      this.#leaving = false;
      this.#left = false;
      log.warn({}, 'the mesh stays on this node after all');
      try {
        probes.repair();
      } catch (error) {
        // Every round of proofs tries it again.
        log.error({ error: messageOf(error) }, 'cannot write the rules of the node');
      }
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
    await this.#insist('take the plugin out of the network configuration', () => installer.withdraw());
    if (!this.#isLeaving()) return;
    view.write();
    pods.reconsider();
    await this.#pause(RUNTIME_REREADS_MS);
    while (this.#isLeaving() && pods.members().some(({ joined }) => joined !== undefined))
      await this.#pause(DEPARTURE_POLL_MS);
    if (!this.#isLeaving()) return;
    await this.#insist('remove the rules of the node', () => probes.removeRules());
    await this.#insist('remove the plugin', () => installer.removeProgram());
    await this.#insist('remove the stored view', () => view.remove());
    if (!this.#isLeaving()) return;
    this.#left = true;
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

  /**
   * Tries until it succeeds or the mesh stays: an entry that were left in the configuration would keep every new pod of the
   * node from starting once the program and the agents are gone, and nobody would know of rules that were left.
   */
  async #insist(what: string, step: () => void): Promise<void> {
    while (this.#isLeaving()) {
      try {
        step();
        return;
      } catch (error) {
        this.#options.log.error({ error: messageOf(error) }, `cannot ${what}; it is tried again`);
        await this.#pause(RUNTIME_REREADS_MS);
      }
    }
  }
}
