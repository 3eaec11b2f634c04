import { workerData } from 'node:worker_threads';
import { systemClock } from '@ambit/core/clock';
import { EPOLLIN } from '@ambit/native/epoll';
import { allocate } from '@ambit/native/memory';
import { recv } from '@ambit/native/socket';
import type { LoopChannel } from '@ambit/reactor/loop-channel';
import { type ReadinessHandler, Reactor } from '@ambit/reactor/reactor';
import { FRAME_BYTES, TAP_BATCH_BYTES } from './limits.ts';

const { channel, fd } = workerData as { channel: LoopChannel; fd: number };

/** Gathers frames and posts them in batches, at the latest when no more are waiting. */
class FrameReader implements ReadinessHandler {
  readonly #batch = allocate(TAP_BATCH_BYTES);
  #end = 0;

  onReady(): void {
    for (;;) {
      if (this.#end + 4 + FRAME_BYTES > TAP_BATCH_BYTES) this.#post();
      const length = recv(fd, this.#batch.address + this.#end + 4, FRAME_BYTES);
      if (length < 0) break;
      this.#batch.bytes.writeUInt32BE(length, this.#end);
      this.#end += 4 + length;
    }
    this.#post();
  }

  destroy(): void {
    reactor.stop();
  }

  #post(): void {
    if (this.#end === 0) return;
    reactor.post(new Uint8Array(this.#batch.bytes.subarray(0, this.#end)).buffer);
    this.#end = 0;
  }
}

const reader = new FrameReader();
const reactor = new Reactor({ clock: systemClock, channel, onError: () => reactor.stop() });
reactor.adopt(fd);
reactor.register(fd, EPOLLIN, reader);
reactor.run();
// What arrived while the end was being asked for.
reader.onReady();
reactor.dispose();
