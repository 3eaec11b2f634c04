import { REMEMBERED_ENDED_STREAMS } from '../../limits.ts';
import type { Ending } from '../stream.ts';

/** How the streams that ended last did so; older ones are forgotten. */
export class EndedStreams {
  readonly #ids: number[] = [];
  readonly #endings: Ending[] = [];
  #next = 0;
  #highestForgotten = 0;

  add(id: number, ending: Ending): void {
    this.#highestForgotten = Math.max(this.#highestForgotten, this.#ids[this.#next] ?? 0);
    this.#ids[this.#next] = id;
    this.#endings[this.#next] = ending;
    this.#next = (this.#next + 1) % REMEMBERED_ENDED_STREAMS;
  }

  /** True when the stream may have ended so long ago that nothing is known of it. */
  mayForget(id: number): boolean {
    return id <= this.#highestForgotten;
  }

  find(id: number): Ending | undefined {
    // A stream that was reset after it ended stands here once, so the order does not matter.
    const at = this.#ids.indexOf(id);
    return at < 0 ? undefined : this.#endings[at];
  }
}
