import { Worker } from 'node:worker_threads';
import { AmbitError } from '@ambit/core/errors';
import { siblingModule } from '@ambit/core/sibling-module';
import { LoopControl } from '@ambit/reactor/loop-channel';
import type { FromAgentThread, ToAgentThread } from './thread-messages.ts';

/** The main thread's hold on the small worker that keeps the agent's sockets, which Node itself cannot. */
export class ControlThread {
  readonly #control: LoopControl;
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  #stopping = false;

  /** `onEnd` tells of a thread that ended without being asked to; everything it held is closed then. */
  constructor(path: string, onMessage: (message: FromAgentThread) => void, onEnd: (error: AmbitError) => void) {
    // What crosses is made by our own worker from the types of thread-messages.ts.
    this.#control = new LoopControl((message) => onMessage(message as FromAgentThread));
    const { channel } = this.#control;
    this.#worker = new Worker(siblingModule(import.meta.url, './control-worker'), {
      workerData: { channel, path },
      transferList: [channel.port],
      // A few short messages for each pod: all that lives is the loop itself.
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 },
    });
    let failure: unknown;
    this.#worker.on('error', (error) => {
      failure = error;
    });
    this.#ended = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        this.#control.reap();
        if (!this.#stopping)
          onEnd(new AmbitError('AMBIT_ZDS_THREAD', 'the ZDS thread ended by itself', { cause: failure }));
        resolve();
      });
    });
  }

  post(message: ToAgentThread): void {
    this.#control.post(message);
  }

  /** Ends the thread and closes what it held. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#control.stop();
    await this.#ended;
  }
}
