import type { PodInfo } from '../messages.ts';
import type { KeeperPacket, ListenerLayout, StateName } from './packets.ts';

interface HeldPod {
  readonly info: PodInfo;
  readonly layout: ListenerLayout;
  readonly descriptors: readonly number[];
}

/** What outlives a proxy process: descriptors of pods and files of state. Owns every descriptor given to it. */
export class Custody {
  readonly #pods = new Map<string, HeldPod>();
  readonly #states = new Map<StateName, number>();
  readonly #close: (descriptor: number) => void;

  constructor(close: (descriptor: number) => void) {
    this.#close = close;
  }

  /** Takes over `descriptors`, replacing what was held for the same pod. */
  holdPod(info: PodInfo, layout: ListenerLayout, descriptors: readonly number[]): void {
    this.releasePod(info.uid);
    this.#pods.set(info.uid, { info, layout, descriptors });
  }

  releasePod(uid: string): void {
    for (const descriptor of this.#pods.get(uid)?.descriptors ?? []) this.#close(descriptor);
    this.#pods.delete(uid);
  }

  /** Takes over `descriptor`, replacing the state of the same name. */
  holdState(name: StateName, descriptor: number): void {
    const before = this.#states.get(name);
    this.#states.set(name, descriptor);
    if (before !== undefined) this.#close(before);
  }

  /** Everything that is held, as packets for a new proxy. The descriptors stay in custody. */
  *inventory(): Generator<{ packet: KeeperPacket; descriptors: readonly number[] }> {
    for (const [name, descriptor] of this.#states)
      yield { packet: { kind: 'hold-state', name }, descriptors: [descriptor] };
    for (const { info, layout, descriptors } of this.#pods.values())
      yield { packet: { kind: 'hold-pod', info, layout }, descriptors };
    yield { packet: { kind: 'recalled' }, descriptors: [] };
  }

  get podCount(): number {
    return this.#pods.size;
  }
}
