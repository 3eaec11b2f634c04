import type { Clock } from '@ambit/core/clock';
import type { Answer } from './http-listener.ts';

/** Seconds between the two looks, unless the query says otherwise. */
const DEFAULT_WINDOW = 5;
/** The longest that a query may ask for. */
const LONGEST_WINDOW = 60;

/** Looks twice, `?seconds=5` apart, and answers with what was found in between, and how many seconds that were. */
export async function twoLooks<Look>(
  query: URLSearchParams,
  clock: Clock,
  look: () => Promise<Look>,
  between: (before: Look, after: Look, seconds: number) => object,
): Promise<Answer> {
  const seconds = Number(query.get('seconds') ?? DEFAULT_WINDOW);
  if (!(seconds >= 1 && seconds <= LONGEST_WINDOW)) {
    return { status: 400, body: `{"error":"seconds is not from 1 to ${LONGEST_WINDOW}"}\n` };
  }
  const before = await look();
  const began = clock.now();
  await new Promise<void>((resolve) => {
    clock.setTimeout(resolve, seconds * 1_000, { background: true });
  });
  const after = await look();
  const passed = (clock.now() - began) / 1_000;
  const found = { seconds: passed, ...between(before, after, passed) };
  return { status: 200, body: `${JSON.stringify(found, undefined, 2)}\n` };
}
