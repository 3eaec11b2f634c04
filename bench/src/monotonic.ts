/**
 * What `performance.now()`, which counts from the start of the thread, is behind the machine's monotonic clock: the
 * tightest of several readings, because the first ones still compile.
 */
function measureOffset(): number {
  let offset = 0;
  let tightest = Number.POSITIVE_INFINITY;
  for (let reading = 0; reading < 100; reading += 1) {
    const before = performance.now();
    const machine = Number(process.hrtime.bigint()) / 1e6;
    const after = performance.now();
    if (after - before >= tightest) continue;
    tightest = after - before;
    offset = machine - (before + after) / 2;
  }
  return offset;
}

const offset = measureOffset();

/** Milliseconds of the machine's monotonic clock, the same in every thread and process to about a microsecond. */
export function monotonicNow(): number {
  return performance.now() + offset;
}
