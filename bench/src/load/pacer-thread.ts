import { readlinkSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { workerData } from 'node:worker_threads';
import { raiseEvent } from '@ambit/native/eventfd';
import { monotonicNow } from '../monotonic.ts';
import type { PacerPlan } from './pacer.ts';

/** The kernel may delay a sleeper by its timer slack, 50 us unless told otherwise. */
const TIMER_SLACK_NANOSECONDS = 1000;

const plan = workerData as PacerPlan;
const thread = basename(readlinkSync('/proc/thread-self'));
writeFileSync(`/proc/${thread}/timerslack_ns`, String(TIMER_SLACK_NANOSECONDS));

let next = plan.start;
while (Atomics.load(plan.stop, 0) === 0) {
  const now = monotonicNow();
  if (now < next) {
    Atomics.wait(plan.stop, 0, 0, next - now);
    continue;
  }
  raiseEvent(plan.event);
  // One event stands for all instants that have passed: the generator looks at the clock.
  next += plan.gap * (Math.floor((now - next) / plan.gap) + 1);
}
