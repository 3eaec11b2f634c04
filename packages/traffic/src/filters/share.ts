/** What shares of requests are counted of. */
export const MILLION = 1_000_000;

/** Whether one of so many in a million is drawn; `random` gives numbers from 0 to below 1. */
export function isDrawn(perMillion: number, random: () => number): boolean {
  if (perMillion <= 0) return false;
  return perMillion >= MILLION || random() * MILLION < perMillion;
}
