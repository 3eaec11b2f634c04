import { workerData } from 'node:worker_threads';
import { systemClock } from '@ambit/core/clock';
import { openEvent } from '@ambit/native/eventfd';
import type { LoopChannel } from './loop-channel.ts';
import { Reactor } from './reactor.ts';

// The data thread of the reactor's own tests.
const reactor = new Reactor({
  clock: systemClock,
  channel: workerData as LoopChannel,
  onError: (error) => {
    throw error;
  },
  onMessage: (message) => {
    const { echo, open } = message as { echo?: number; open?: number };
    if (echo !== undefined) reactor.post(echo);
    if (open === undefined) return;
    for (let count = 0; count < open; count += 1) reactor.adopt(openEvent());
    reactor.post('opened');
  },
});
reactor.post('ready');
reactor.run();
