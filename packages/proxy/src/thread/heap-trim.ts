import { trimHeap } from '@ambit/native/process';
import type { Reactor } from '@ambit/reactor/reactor';
import { HEAP_GROWTH, HEAP_LOOK } from '../limits.ts';

/**
 * Gives memory of the C library back whenever the process has grown: V8's compilers take several MiB there for code that a
 * burst of connections makes hot, free it a moment later, and would leave it resident for good.
 */
export function trimWhenGrown(reactor: Reactor, resident: () => number): void {
  let trimmedAt = resident();
  const look = (): void => {
    const now = resident();
    if (now - trimmedAt >= HEAP_GROWTH) {
      trimHeap();
      trimmedAt = resident();
    } else if (now < trimmedAt) {
      trimmedAt = now;
    }
    reactor.after(HEAP_LOOK, look);
  };
  reactor.after(HEAP_LOOK, look);
}
