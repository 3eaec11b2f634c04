import type { Clock, Timer } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { close } from '@ambit/native/descriptor';
import { type PodOwner, PodTable } from './client/pod-table.ts';
import { ControlThread } from './control-thread.ts';
import { RESPAWN_FIRST_MS, RESPAWN_LONGEST_MS } from './limits.ts';
import type { ZdsRequest } from './messages.ts';
import type { FromClientThread, Problem, ToClientThread } from './thread-messages.ts';

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

type ClientThread = ControlThread<ToClientThread, FromClientThread>;

/**
 * The proxy's end of ZDS. It never gives up: after whatever fault, be it the end of its own thread, it connects again, and
 * pods are served meanwhile.
 * (Istio's ztunnel exits on a protocol error.) A pod that cannot be served is acknowledged with the error and tried again.
 */
export class ZdsClient implements Drainable {
  readonly #options: ZdsClientOptions;
  readonly #table: PodTable;
  /** Undefined between the end of a thread and the start of its successor. */
  #thread: ClientThread | undefined;
  #respawn: Timer | undefined;
  #pause: number = RESPAWN_FIRST_MS;
  #connected = false;
  #synced = false;
  #inSnapshot = false;
  #lastUnreachable = '';
  #closing: Promise<void> | undefined;

  constructor(options: ZdsClientOptions) {
    this.#options = options;
    const report = ({ code, message }: Problem): void => options.onProblem({ code, message });
    this.#table = new PodTable(options.owner, options.clock, () => this.#publish(), report);
    this.#spawn();
  }

  state(): ZdsState {
    return { connected: this.#connected, synced: this.#synced, pods: this.#table.size, pending: this.#table.pending() };
  }

  /** Leaves the agent; its descriptors are closed, the owner is not told. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  destroy(): void {
    void this.close();
  }

  async #end(): Promise<void> {
    this.#respawn?.cancel();
    await this.#thread?.stop();
    this.#table.destroy();
  }

  #spawn(): void {
    const thread: ClientThread = new ControlThread(
      { end: 'client', path: this.#options.path },
      (message: FromClientThread) => this.#receive(thread, message),
      (error) => this.#died(error),
    );
    this.#thread = thread;
  }

  #died({ code, message }: AmbitError): void {
    this.#thread = undefined;
    this.#connected = false;
    if (this.#closing !== undefined) return;
    this.#publish();
    this.#options.onProblem({ code, message: `${message}; the next one starts in ${this.#pause} ms` });
    this.#respawn = this.#options.clock.setTimeout(() => {
      try {
        this.#spawn();
      } catch (error) {
        this.#died(new AmbitError('AMBIT_ZDS_THREAD', `the ZDS thread does not start: ${messageOf(error)}`));
      }
    }, this.#pause);
    this.#pause = Math.min(this.#pause * 2, RESPAWN_LONGEST_MS);
  }

  #receive(thread: ClientThread, message: FromClientThread): void {
    switch (message.kind) {
      case 'connected':
        this.#connected = true;
        this.#inSnapshot = true;
        this.#lastUnreachable = '';
        this.#table.beginSnapshot();
        this.#publish();
        return;
      case 'request':
        if (this.#closing === undefined) {
          void this.#answer(thread, message.connection, message.request, message.namespace);
        } else if (message.namespace !== undefined) close(message.namespace);
        return;
      case 'disconnected':
        this.#connected = false;
        this.#publish();
        this.#options.onProblem(message.problem);
        return;
      case 'unreachable':
        // An agent that is away for long would otherwise fill the log with one and the same line.
        if (message.problem.message !== this.#lastUnreachable) this.#options.onProblem(message.problem);
        this.#lastUnreachable = message.problem.message;
        return;
      case 'problem':
        this.#options.onProblem(message.problem);
        return;
    }
  }

  /** Answers go to the thread that asked: the connections of its successor have the same numbers. */
  async #answer(
    thread: ClientThread,
    connection: number,
    request: ZdsRequest,
    namespace: number | undefined,
  ): Promise<void> {
    switch (request.kind) {
      case 'add':
        this.#acknowledge(thread, connection, await this.#add(request, namespace));
        return;
      case 'remove':
        this.#table.remove(request.uid);
        this.#acknowledge(thread, connection, '');
        return;
      case 'keep':
        if (this.#inSnapshot) {
          this.#table.keep(request.uid);
          this.#acknowledge(thread, connection, '');
        } else this.#drop(thread, connection, 'the agent sent Keep after its snapshot');
        return;
      case 'snapshotSent':
        if (!this.#inSnapshot) {
          this.#drop(thread, connection, 'the agent ended its snapshot twice');
          return;
        }
        this.#inSnapshot = false;
        this.#synced = true;
        this.#pause = RESPAWN_FIRST_MS;
        this.#acknowledge(thread, connection, '', true);
        this.#table.endSnapshot();
        this.#publish();
        return;
    }
  }

  async #add(request: ZdsRequest & { kind: 'add' }, namespace: number | undefined): Promise<string> {
    const { uid, info } = request;
    if (namespace === undefined) return this.#refuse(uid, 'no network namespace came with it');
    if (info === undefined) {
      close(namespace);
      return this.#refuse(uid, 'it has no workload_info, so its identity is not known');
    }
    return await this.#table.add(uid, info, namespace);
  }

  /** A message that is whole but cannot be served concerns one pod; the connection, and all other pods, go on. */
  #refuse(uid: string, why: string): string {
    this.#table.keep(uid);
    this.#options.onProblem({ code: 'AMBIT_ZDS_PROTOCOL', message: `the agent added pod ${uid}, but ${why}` });
    return why;
  }

  #acknowledge(thread: ClientThread, connection: number, error: string, endsSnapshot = false): void {
    thread.post({ kind: 'acknowledge', connection, error, endsSnapshot });
  }

  #drop(thread: ClientThread, connection: number, message: string): void {
    thread.post({ kind: 'drop', connection, problem: { code: 'AMBIT_ZDS_PROTOCOL', message } });
  }

  #publish(): void {
    if (this.#closing === undefined) this.#options.onState(this.state());
  }
}
