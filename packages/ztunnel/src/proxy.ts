// The proxy process. Its data threads start first, because they take longest; its control side is loaded meanwhile.
import { systemClock } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import type { Logger, LogLevel } from '@ambit/core/log';
import { createPlainLog } from '@ambit/core/plain-log';
import { collectStartGarbage, START_GARBAGE_AFTER } from '@ambit/core/start-garbage';
import { trimHeap } from '@ambit/native/process';
import { readConfig } from './config.ts';
import { siblingModule } from '@ambit/core/sibling-module';
import { DescriptorBudget } from '@ambit/reactor/descriptor-budget';
import { DataThreads } from '@ambit/proxy/thread/data-threads';
import type { Command, NodeStart, Report } from './messages.ts';
import { UnansweredConnections } from './unanswered.ts';

const config = orEnd(createPlainLog('ztunnel'), () => readConfig(process.env));
const log = createPlainLog('ztunnel', { level: config.logLevel as LogLevel });

process.on('unhandledRejection', (error) => {
  log.fatal(
    { error: messageOf(error) },
    'a promise was rejected and nobody noticed; the proxy ends and is started again',
  );
  process.exit(1);
});

const descriptors = DescriptorBudget.allocate(config.dataThreads);
const threads = new DataThreads<Command, Report, NodeStart>({
  count: config.dataThreads,
  module: siblingModule(import.meta.url, './worker'),
  start: () => ({ config, unanswered: UnansweredConnections.allocate(), descriptors }),
  clock: systemClock,
  log,
});
const started = threads.start();

const { runControlSide } = await import('./control/control-side.ts');
try {
  await runControlSide({
    config,
    clock: systemClock,
    random: Math.random,
    log,
    threads,
    descriptors,
    started,
    keeper: process.env.AMBIT_KEEPER,
  });
} catch (error) {
  endFor(log, error);
}

systemClock.setTimeout(
  () => {
    collectStartGarbage({ code: true });
    trimHeap();
  },
  // After the threads have done the same.
  2 * START_GARBAGE_AFTER,
  { background: true },
);

/** What cannot be mended from here is said in one line, not as a stack of calls. */
function endFor(to: Logger, error: unknown): never {
  const code = error instanceof AmbitError ? error.code : 'AMBIT_INTERNAL';
  to.fatal({ code, error: messageOf(error) }, 'the proxy cannot start');
  process.exit(1);
}

function orEnd<T>(to: Logger, run: () => T): T {
  try {
    return run();
  } catch (error) {
    return endFor(to, error);
  }
}
