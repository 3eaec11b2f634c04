import type { Clock } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import { close } from '@ambit/native/descriptor';
import { AgentLink } from './client/agent-link.ts';
import { type PodOwner, PodTable } from './client/pod-table.ts';
import type { ZdsRequest } from './messages.ts';
import type { Problem } from './thread-messages.ts';

export type { PodOwner, RemovalReason } from './client/pod-table.ts';

/** How a proxy stands with its node agent. It can serve new pods while `connected`, `synced` and nothing is pending. */
export interface ZdsState {
  readonly connected: boolean;
  /** The snapshot of the present connection, or of an earlier one while disconnected, is complete. */
  readonly synced: boolean;
  /** Pods that are known, served or not. */
  readonly pods: number;
  /** Uid -> why the pod is not served yet; it is tried again every five seconds. */
  readonly pending: ReadonlyMap<string, string>;
}

export interface ZdsClientOptions {
  /** Path of the agent's socket. It need not exist yet. */
  readonly path: string;
  readonly clock: Clock;
  readonly owner: PodOwner;
  readonly onState: (state: ZdsState) => void;
  /** Lost connections, broken packets, pods that did not leave in good order. Nothing has to be done about them. */
  readonly onProblem: (problem: Problem) => void;
}

/**
 * The proxy's end of ZDS, on the main thread. It never gives up: after whatever fault it connects again, and pods are
 * served meanwhile. (Istio's ztunnel exits on a protocol error.) A pod that cannot be served is acknowledged with the error
 * and tried again.
 */
export class ZdsClient implements Drainable {
  readonly #options: ZdsClientOptions;
  readonly #table: PodTable;
  readonly #link: AgentLink;
  #connected = false;
  #synced = false;
  #inSnapshot = false;
  #lastUnreachable = '';
  #closed = false;

  constructor(options: ZdsClientOptions) {
    this.#options = options;
    const report = ({ code, message }: Problem): void => options.onProblem({ code, message });
    this.#table = new PodTable(options.owner, options.clock, () => this.#publish(), report);
    this.#link = new AgentLink(options.path, options.clock, {
      onConnected: () => this.#begin(),
      onRequest: (connection, request, namespace) => void this.#answer(connection, request, namespace),
      onDisconnected: (problem) => this.#lost(problem),
      onUnreachable: (problem) => {
        // An agent that is away for long would otherwise fill the log with one and the same line.
        if (problem.message !== this.#lastUnreachable) options.onProblem(problem);
        this.#lastUnreachable = problem.message;
      },
    });
  }

  state(): ZdsState {
    return { connected: this.#connected, synced: this.#synced, pods: this.#table.size, pending: this.#table.pending() };
  }

  /** Tells the agent, if it is one that reads it, that connections of a pod were reset that had passed the proxy by. */
  tellConnectionsReset(uid: string, message: string): void {
    if (!this.#closed) this.#link.tellConnectionsReset(uid, message);
  }

  /** Leaves the agent; its descriptors are closed, the owner is not told. */
  close(): Promise<void> {
    this.destroy();
    return Promise.resolve();
  }

  destroy(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#link.close();
    this.#table.destroy();
  }

  #begin(): void {
    this.#connected = true;
    this.#inSnapshot = true;
    this.#lastUnreachable = '';
    this.#table.beginSnapshot();
    this.#publish();
  }

  #lost(problem: Problem): void {
    this.#connected = false;
    this.#publish();
    this.#options.onProblem(problem);
  }

  async #answer(connection: number, request: ZdsRequest, namespace: number | undefined): Promise<void> {
    switch (request.kind) {
      case 'add':
        this.#acknowledge(connection, await this.#add(request, namespace));
        return;
      case 'remove':
        this.#table.remove(request.uid);
        this.#acknowledge(connection, '');
        return;
      case 'keep':
        if (this.#inSnapshot) {
          this.#table.keep(request.uid);
          this.#acknowledge(connection, '');
        } else this.#link.drop(connection, 'the agent sent Keep after its snapshot');
        return;
      case 'snapshotSent':
        if (!this.#inSnapshot) {
          this.#link.drop(connection, 'the agent ended its snapshot twice');
          return;
        }
        this.#inSnapshot = false;
        this.#synced = true;
        this.#link.acknowledge(connection, '', { endsSnapshot: true });
        this.#table.endSnapshot();
        this.#publish();
        return;
    }
  }

  async #add(request: ZdsRequest & { kind: 'add' }, namespace: number | undefined): Promise<string> {
    const { uid, info, plaintextRedirected } = request;
    if (namespace === undefined) return this.#refuse(uid, 'no network namespace came with it');
    if (info === undefined) {
      close(namespace);
      return this.#refuse(uid, 'it has no workload_info, so its identity is not known');
    }
    return await this.#table.add(uid, info, namespace, plaintextRedirected);
  }

  /** A message that is whole but cannot be served concerns one pod; the connection, and all other pods, go on. */
  #refuse(uid: string, why: string): string {
    this.#table.keep(uid);
    this.#options.onProblem({ code: 'AMBIT_ZDS_PROTOCOL', message: `the agent added pod ${uid}, but ${why}` });
    return why;
  }

  #acknowledge(connection: number, error: string): void {
    this.#link.acknowledge(connection, error, { endsSnapshot: false });
  }

  #publish(): void {
    if (!this.#closed) this.#options.onState(this.state());
  }
}
