import type { Clock } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import { close } from '@ambit/native/descriptor';
import type { Custody } from './custody.ts';
import type { PacketLine, ReceivedPacket } from './packet-line.ts';

/** How soon a line that was full is tried again, milliseconds. */
const RETRY_AFTER = 2;

/** The keeper's side of the conversation with one proxy process. */
export class Steward {
  readonly #line: PacketLine;
  readonly #custody: Custody;
  readonly #clock: Clock;
  readonly #log: Logger;
  #farewell = false;
  #closed = false;

  constructor(line: PacketLine, custody: Custody, clock: Clock, log: Logger) {
    this.#line = line;
    this.#custody = custody;
    this.#clock = clock;
    this.#log = log;
  }

  /** The proxy said that it ends on purpose. */
  get farewell(): boolean {
    return this.#farewell;
  }

  /** Reads what the proxy has put into the line. */
  readAll(): void {
    if (this.#closed) return;
    try {
      for (
        let received = this.#line.receive();
        received !== undefined && received !== 'closed';
        received = this.#line.receive()
      ) {
        this.#handle(received);
      }
    } catch (error) {
      this.#log.error({ error: messageOf(error) }, 'the proxy sent something that the keeper does not understand');
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#line.close();
  }

  #handle({ packet, descriptors }: ReceivedPacket): void {
    switch (packet.kind) {
      case 'hold-pod':
        this.#custody.holdPod(packet.info, packet.layout, descriptors);
        return;
      case 'release-pod':
        this.#custody.releasePod(packet.uid);
        break;
      case 'hold-state': {
        const [file] = descriptors;
        if (file !== undefined) this.#custody.holdState(packet.name, file);
        return;
      }
      case 'recall':
        this.#guard(() => {
          this.#hand(this.#custody.inventory());
        });
        break;
      case 'farewell':
        this.#farewell = true;
        break;
      case 'recalled':
        break;
    }
    for (const descriptor of descriptors) close(descriptor);
  }

  /** A proxy that has just died makes its line throw; its successor gets a line of its own. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#log.error({ error: messageOf(error) }, 'the proxy does not take what its predecessor left');
    }
  }

  /** Sends the inventory as fast as the proxy takes it. */
  #hand(inventory: ReturnType<Custody['inventory']>): void {
    const send = (item: ReturnType<typeof inventory.next>): void => {
      for (let next = item; next.done !== true; next = inventory.next()) {
        if (this.#closed) return;
        if (!this.#line.send(next.value.packet, next.value.descriptors)) {
          const later = next;
          this.#clock.setTimeout(() => {
            this.#guard(() => {
              send(later);
            });
          }, RETRY_AFTER);
          return;
        }
      }
    };
    send(inventory.next());
  }
}
