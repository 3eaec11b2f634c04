import { workerData } from 'node:worker_threads';
import { systemClock } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';
import { collectStartGarbage, START_GARBAGE_AFTER } from '@ambit/core/start-garbage';
import type { LoopChannel } from '@ambit/reactor/loop-channel';
import { Reactor } from '@ambit/reactor/reactor';
import { AgentLoop } from './agent/agent-loop.ts';
import { ClientLoop } from './client/client-loop.ts';
import type { FromAgentThread, ThreadRole, ToAgentThread, ToClientThread } from './thread-messages.ts';

const { channel, role } = workerData as { channel: LoopChannel; role: ThreadRole };

let receive: (message: unknown) => void = () => undefined;
const reactor = new Reactor({
  clock: systemClock,
  channel,
  onMessage: (message) => receive(message),
  onError: ({ code, message }) => reactor.post({ kind: 'problem', problem: { code, message } }),
});

switch (role.end) {
  case 'agent':
    try {
      const loop = new AgentLoop(reactor, role.path);
      receive = (message) => loop.receive(message as ToAgentThread);
    } catch (error) {
      const problem = { code: 'AMBIT_ZDS_LISTEN', message: `cannot listen on ${role.path}: ${messageOf(error)}` };
      reactor.post({ kind: 'notListening', problem } satisfies FromAgentThread);
      reactor.stop();
    }
    break;
  case 'client': {
    const loop = new ClientLoop(reactor, role.path);
    receive = (message) => loop.receive(message as ToClientThread);
    break;
  }
}
reactor.after(START_GARBAGE_AFTER, () => collectStartGarbage({ code: true }));
reactor.run();
reactor.dispose();
