import { ManualClock } from '@ambit/core/clock';
import { LoopControl } from '@ambit/reactor/loop-channel';
import { Reactor } from '@ambit/reactor/reactor';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LOG_BYTES, LOG_REPORTS } from './limits.ts';
import type { ThreadReport } from './thread/messages.ts';
import { AccessLog } from './access-log.ts';

type LogReport = Extract<ThreadReport, { kind: 'log' }>;

const received: LogReport[] = [];
let clock: ManualClock;
let control: LoopControl;
let reactor: Reactor;
let written: Int32Array<SharedArrayBuffer>;
let log: AccessLog;

beforeEach(() => {
  received.length = 0;
  clock = new ManualClock();
  control = new LoopControl((message) => received.push(message as LogReport));
  reactor = new Reactor({ clock, channel: control.channel, onError: (error) => expect.fail(error.message) });
  written = new Int32Array(new SharedArrayBuffer(4));
  log = new AccessLog(reactor, written.buffer);
});

afterEach(() => {
  reactor.dispose();
  control.reap();
});

/** Lets the loop gather and the messages arrive. */
async function pass(): Promise<void> {
  clock.advance(200);
  reactor.runTurn(0);
  await new Promise((resolve) => setTimeout(resolve, 20));
}

function text(): string {
  return received.map(({ lines }) => Buffer.from(lines).toString()).join('');
}

it('brings lines in their order, whatever they are written in', async () => {
  log.write('first\n');
  log.write('zweite Zeile, größer\n');
  await pass();
  expect(text()).toBe('first\nzweite Zeile, größer\n');
});

it('drops and counts lines when the main thread does not write them, and goes on when it does', async () => {
  const line = `${'x'.repeat(999)}\n`;
  const lines = Math.ceil((LOG_BYTES * (LOG_REPORTS + 4)) / line.length);
  for (let count = 0; count < lines; count += 1) log.write(line);
  await pass();
  expect(received).toHaveLength(LOG_REPORTS);
  Atomics.add(written, 0, LOG_REPORTS);
  // Nobody writes another line: what has gathered comes all the same, and with it how many were dropped.
  await pass();
  const dropped = received.reduce((sum, report) => sum + report.dropped, 0);
  expect(dropped).toBeGreaterThan(0);
  expect(text().length / line.length + dropped).toBe(lines);
});
