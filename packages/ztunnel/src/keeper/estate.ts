import type { Clock } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';
import type { Logger } from '@ambit/core/log';
import { close, duplicate } from '@ambit/native/descriptor';
import { readSealedMemoryFile, sealedMemoryFile } from '@ambit/native/memfd';
import { fstatSync, writeSync } from 'node:fs';
import type { PodInfo } from '../messages.ts';
import { PacketLine, type ReceivedPacket } from './packet-line.ts';
import type { KeeperPacket, ListenerLayout, StateName } from './packets.ts';
import { DOORBELL_DESCRIPTOR, PACKET_DESCRIPTOR } from './proxy-process.ts';

/** How long a new proxy waits for what its predecessor left, milliseconds. The keeper is a local process with little to do. */
const RECALL_TIMEOUT = 2_000;
/** How soon a line that is full or empty is looked at again, milliseconds. */
const RETRY_AFTER = 1;

/** A pod that a predecessor served: descriptors of its namespace and its listeners, now owned by this process. */
export interface InheritedPod {
  readonly info: PodInfo;
  readonly layout: ListenerLayout;
  readonly namespace: number;
  readonly listeners: readonly number[];
}

export interface Inheritance {
  readonly pods: readonly InheritedPod[];
  readonly states: ReadonlyMap<StateName, Buffer>;
}

/**
 * The proxy's side of the conversation with its keeper: takes over what a predecessor left and deposits what must
 * outlive this process. Without a keeper (a proxy started by hand) nothing is kept, and nothing else changes.
 */
export class Estate {
  readonly #line: PacketLine | undefined;
  readonly #clock: Clock;
  readonly #log: Logger;
  #queue: { packet: KeeperPacket; descriptors: readonly number[] }[] = [];
  #retrying = false;

  /** `keeper` is the process id in AMBIT_KEEPER: that of the parent, when it is a keeper. */
  constructor(clock: Clock, log: Logger, keeper: string | undefined) {
    this.#clock = clock;
    this.#log = log;
    this.#line = hasKeeper(keeper) ? new PacketLine(PACKET_DESCRIPTOR) : undefined;
  }

  /** Everything the keeper holds. Blocks, at most `RECALL_TIMEOUT`: nothing else can be done before it. */
  recall(): Inheritance {
    const pods: InheritedPod[] = [];
    const states = new Map<StateName, Buffer>();
    if (this.#line === undefined) return { pods, states };
    this.#send({ kind: 'recall' }, [], false);
    const end = this.#clock.now() + RECALL_TIMEOUT;
    for (;;) {
      const received = this.#line.receive();
      if (received === undefined) {
        if (this.#clock.now() > end) break;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_AFTER);
        continue;
      }
      if (received === 'closed' || received.packet.kind === 'recalled') return { pods, states };
      this.#take(received, pods, states);
    }
    this.#log.error({ pods: pods.length }, 'the keeper did not hand over everything in time');
    return { pods, states };
  }

  /** One part that cannot be used must not cost the others. */
  #take({ packet, descriptors }: ReceivedPacket, pods: InheritedPod[], states: Map<StateName, Buffer>): void {
    const [first, ...rest] = descriptors;
    if (packet.kind === 'hold-pod' && first !== undefined) {
      pods.push({ info: packet.info, layout: packet.layout, namespace: first, listeners: rest });
      return;
    }
    try {
      if (packet.kind === 'hold-state' && first !== undefined) states.set(packet.name, readSealedMemoryFile(first));
    } catch (error) {
      this.#log.error({ error: messageOf(error) }, 'a state of the predecessor cannot be read');
    }
    for (const descriptor of descriptors) close(descriptor);
  }

  /** Deposits duplicates of a pod's descriptors. */
  holdPod(info: PodInfo, layout: ListenerLayout, namespace: number, listeners: readonly number[]): void {
    this.#send({ kind: 'hold-pod', info, layout }, [namespace, ...listeners], false);
  }

  releasePod(uid: string): void {
    this.#send({ kind: 'release-pod', uid }, [], false);
  }

  /** Deposits a state in a sealed memory file; it replaces the one of the same name. */
  holdState(name: StateName, content: Uint8Array): void {
    if (this.#line === undefined) return;
    this.#send({ kind: 'hold-state', name }, [sealedMemoryFile(`ambit-${name}`, content)], true);
  }

  /** Tells the keeper that this process is about to end on purpose. */
  bidFarewell(): void {
    this.#send({ kind: 'farewell' }, [], false);
  }

  /** `owned` descriptors are closed here once they are sent; of others the queue holds duplicates. */
  #send(packet: KeeperPacket, descriptors: readonly number[], owned: boolean): void {
    if (this.#line === undefined) return;
    if (packet.kind === 'hold-state') this.#forgetQueued(packet.name);
    this.#queue.push({ packet, descriptors: owned ? descriptors : descriptors.map(duplicate) });
    if (!this.#retrying) this.#flush(this.#line);
  }

  /** A newer state makes an older one that was not sent yet pointless. */
  #forgetQueued(name: StateName): void {
    this.#queue = this.#queue.filter(({ packet, descriptors }) => {
      if (packet.kind !== 'hold-state' || packet.name !== name) return true;
      for (const descriptor of descriptors) close(descriptor);
      return false;
    });
  }

  #flush(line: PacketLine): void {
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      try {
        if (!line.send(next.packet, next.descriptors)) {
          this.#retryLater(line);
          break;
        }
      } catch (error) {
        // A keeper that is gone takes this process with it (parent death signal); until then there is nobody to tell.
        this.#log.error({ error: messageOf(error) }, 'the keeper does not take what must outlive this process');
      }
      this.#queue.shift();
      for (const descriptor of next.descriptors) close(descriptor);
    }
    this.#ring();
  }

  #ring(): void {
    try {
      writeSync(DOORBELL_DESCRIPTOR, '.');
    } catch {
      // As above.
    }
  }

  #retryLater(line: PacketLine): void {
    this.#retrying = true;
    this.#clock.setTimeout(() => {
      this.#retrying = false;
      this.#flush(line);
    }, RETRY_AFTER);
  }
}

function hasKeeper(keeper: string | undefined): boolean {
  try {
    return fstatSync(PACKET_DESCRIPTOR).isSocket() && keeper === String(process.ppid);
  } catch {
    return false;
  }
}
