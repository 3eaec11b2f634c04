/** Turns of the event loop in which a few requests on loopback come and go, between two ends in the same process. */
const TURNS = 30;

/** Lets requests come and go while a manual clock stands. Counts turns, not time: a busy machine only makes them longer. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await new Promise((resolve) => setTimeout(resolve, 1));
}
