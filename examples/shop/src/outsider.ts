import { setTimeout as sleep } from 'node:timers/promises';
import { get } from './get.ts';
import { run } from './lifecycle.ts';
import { address, log } from './settings.ts';

/** Milliseconds between two tries. */
const EVERY = 2_000;

const stop = new AbortController();
let trying: Promise<void> = Promise.resolve();

/** Asks the storefront again and again and says how it went; outside the mesh it is refused while the shop is STRICT. */
async function tryForEver(): Promise<void> {
  while (!stop.signal.aborted) {
    try {
      const answer = await get(`${address('STOREFRONT_URL', 'http://storefront.shop:8080')}/`);
      log('outsider', 'was let in', { status: answer.status });
    } catch (error) {
      log('outsider', 'was refused', { reason: error instanceof Error ? error.message : String(error) });
    }
    await sleep(EVERY, undefined, { signal: stop.signal }).catch(() => undefined);
  }
}

await run({
  name: 'outsider',
  start: () => {
    trying = tryForEver();
    return Promise.resolve();
  },
  finish: () => {
    stop.abort();
    return trying;
  },
});
