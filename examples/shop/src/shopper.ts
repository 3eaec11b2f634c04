import { get } from './get.ts';
import { run } from './lifecycle.ts';
import { address, log } from './settings.ts';

/** Visits a second. Default 10. */
const RATE = Number(address('RATE', '10'));
/** Visits under way at once; a visit that would be one more is left out and counted. */
const MAX_OPEN = 20;
/** Milliseconds between two lines of summary. */
const SUMMARY_EVERY = 5_000;

const open = new Set<Promise<void>>();
const count = { visits: 0, failed: 0, leftOut: 0 };
const timers: NodeJS.Timeout[] = [];

async function visit(): Promise<void> {
  count.visits += 1;
  try {
    const answer = await get(`${address('STOREFRONT_URL', 'http://storefront:8080')}/`);
    if (answer.status !== 200) throw new Error(`storefront answered ${answer.status}: ${answer.body}`);
  } catch (error) {
    count.failed += 1;
    log('shopper', 'visit failed', { reason: error instanceof Error ? error.message : String(error) });
  }
}

function begin(): void {
  if (open.size >= MAX_OPEN) {
    count.leftOut += 1;
    return;
  }
  const one = visit().finally(() => open.delete(one));
  open.add(one);
}

await run({
  name: 'shopper',
  start: () => {
    timers.push(setInterval(begin, 1_000 / RATE));
    timers.push(setInterval(() => log('shopper', 'so far', count), SUMMARY_EVERY));
    return Promise.resolve();
  },
  finish: async () => {
    for (const timer of timers) clearInterval(timer);
    await Promise.all(open);
    log('shopper', 'at the end', count);
  },
});
