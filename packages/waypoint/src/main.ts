// The waypoint's process. Its data threads start first, because they take longest; its control side is loaded meanwhile.
import { systemClock } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';
import type { LogLevel } from '@ambit/core/log';
import { createPlainLog } from '@ambit/core/plain-log';
import { siblingModule } from '@ambit/core/sibling-module';
import { collectStartGarbage, START_GARBAGE_AFTER } from '@ambit/core/start-garbage';
import { trimHeap } from '@ambit/native/process';
import { DescriptorBudget } from '@ambit/reactor/descriptor-budget';
import { DataThreads } from '@ambit/proxy/thread/data-threads';
import { readConfig } from './config.ts';
import type { Command, Report, WaypointStart } from './messages.ts';

const config = readConfig(process.env);
const log = createPlainLog('waypoint', { level: config.logLevel as LogLevel });

process.on('unhandledRejection', (error) => {
  log.fatal({ error: messageOf(error) }, 'a promise was rejected and nobody noticed; the waypoint ends');
  process.exit(1);
});

const descriptors = DescriptorBudget.allocate(config.dataThreads);
const threads = new DataThreads<Command, Report, WaypointStart>({
  count: config.dataThreads,
  module: siblingModule(import.meta.url, './worker'),
  start: () => ({ config, descriptors }),
  clock: systemClock,
  log,
});
const started = threads.start();

const { runControlSide } = await import('./control/control-side.ts');
await runControlSide({
  ...{ config, clock: systemClock, random: Math.random, log, threads, descriptors, started },
  // That of the machine, as the data threads tell it to each other.
  sharedNow: () => Number(process.hrtime.bigint()) / 1e6,
});

systemClock.setTimeout(
  () => {
    collectStartGarbage({ code: true });
    trimHeap();
  },
  // After the threads have done the same.
  2 * START_GARBAGE_AFTER,
  { background: true },
);
