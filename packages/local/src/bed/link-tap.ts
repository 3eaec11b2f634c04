import { Worker } from 'node:worker_threads';
import { siblingModule } from '@ambit/core/sibling-module';
import { inNamespace } from '@ambit/native/namespace';
import { openPacketTap } from '@ambit/native/packet-socket';
import { setBufferSizes } from '@ambit/native/socket-option';
import { LoopControl } from '@ambit/reactor/loop-channel';

/** Bytes that the kernel keeps for the tap while its thread is not running. */
const KERNEL_BUFFER_BYTES = 8 << 20;

/** Frames as they come from the tap's thread: one after the other, each with its length before it (4 bytes, big endian). */
export type FrameBatch = ArrayBuffer;

/**
 * A tap on one interface of a network namespace: every frame that passes it, both ways, as `onFrame` gets it. The frame is
 * valid during the call.
 */
export class LinkTap {
  readonly #control: LoopControl;
  readonly #ended: Promise<void>;

  /** Listens when this returns: what crosses the link from now on will be seen. */
  constructor(namespace: number, device: string, onFrame: (frame: Buffer) => void) {
    const fd = inNamespace(namespace, () => openPacketTap(device));
    // Best effort: capped by net.core.rmem_max.
    setBufferSizes(fd, { receive: KERNEL_BUFFER_BYTES });
    this.#control = new LoopControl((message) => {
      const bytes = Buffer.from(message as FrameBatch);
      for (let at = 0; at < bytes.length; ) {
        const end = at + 4 + bytes.readUInt32BE(at);
        onFrame(bytes.subarray(at + 4, end));
        at = end;
      }
    });
    const { channel } = this.#control;
    const worker = new Worker(siblingModule(import.meta.url, './tap-worker'), {
      workerData: { channel, fd },
      transferList: [channel.port],
    });
    this.#ended = new Promise((resolve) => {
      worker.on('error', () => undefined);
      worker.on('exit', () => resolve());
    });
  }

  /** Takes what has passed so far, and ends the tap. */
  async stop(): Promise<void> {
    this.#control.stop();
    await this.#ended;
    // What the thread posted last is delivered before this resolves.
    await new Promise((resolve) => setImmediate(resolve));
    this.#control.reap();
  }
}
