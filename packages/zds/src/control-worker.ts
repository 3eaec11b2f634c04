import { workerData } from 'node:worker_threads';
import { systemClock } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';
import { collectStartGarbage, START_GARBAGE_AFTER } from '@ambit/core/start-garbage';
import type { LoopChannel } from '@ambit/reactor/loop-channel';
import { Reactor } from '@ambit/reactor/reactor';
import { AgentLoop } from './agent/agent-loop.ts';
import type { FromAgentThread, ToAgentThread } from './thread-messages.ts';

const { channel, path } = workerData as { channel: LoopChannel; path: string };

let receive: (message: ToAgentThread) => void = () => undefined;
const reactor = new Reactor({
  clock: systemClock,
  channel,
  onMessage: (message) => receive(message as ToAgentThread),
  onError: ({ code, message }) => reactor.post({ kind: 'problem', problem: { code, message } }),
});

try {
  const loop = new AgentLoop(reactor, path);
  receive = (message) => loop.receive(message);
} catch (error) {
  const problem = { code: 'AMBIT_ZDS_LISTEN', message: `cannot listen on ${path}: ${messageOf(error)}` };
  reactor.post({ kind: 'notListening', problem } satisfies FromAgentThread);
  reactor.stop();
}
reactor.after(START_GARBAGE_AFTER, () => collectStartGarbage({ code: true }));
reactor.run();
reactor.dispose();
