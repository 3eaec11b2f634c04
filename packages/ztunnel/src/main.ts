// The keeper: first process of a ztunnel. It parses nothing that comes from the network and accepts nothing; it keeps
// the listeners and the last state of its proxy, so that a proxy that dies is replaced while connections wait.
import { systemClock } from '@ambit/core/clock';
import { messageOf } from '@ambit/core/errors';
import { createPlainLog } from '@ambit/core/plain-log';
import { collectStartGarbage, START_GARBAGE_AFTER } from '@ambit/core/start-garbage';
import { siblingModule } from '@ambit/core/sibling-module';
import { close } from '@ambit/native/descriptor';
import { trimHeap } from '@ambit/native/process';
import { seqpacketPair } from '@ambit/native/unix-socket';
import type { ChildProcess } from 'node:child_process';
import { Custody } from './keeper/custody.ts';
import { PacketLine } from './keeper/packet-line.ts';
import { startProxy } from './keeper/proxy-process.ts';
import { RestartPace } from '@ambit/proxy/thread/restart-pace';
import { Steward } from './keeper/steward.ts';

const log = createPlainLog('keeper');
// What a proxy holds must survive it, so custody is made once, before the first proxy.
const custody = new Custody(close);
const pace = new RestartPace();
let ending = false;
let proxy: ChildProcess | undefined;

function launch(): void {
  if (ending) return;
  const startedAt = systemClock.now();
  // A new pair for each proxy: nothing that an old one left in the line can confuse a new one.
  const [ours, theirs] = seqpacketPair();
  const steward = new Steward(new PacketLine(ours), custody, systemClock, log);
  proxy = startProxy({
    module: siblingModule(import.meta.url, './proxy'),
    environment: process.env,
    packetSocket: theirs,
    onDoorbell: () => {
      steward.readAll();
    },
    onEnd: (reason, code) => {
      // Its last words may still be in the line.
      steward.readAll();
      steward.close();
      if (ending || steward.farewell) {
        process.exitCode = code;
        return;
      }
      relaunch(reason, startedAt);
    },
  });
}

function relaunch(reason: string, startedAt: number): void {
  const pause = pace.pauseAfter(startedAt, systemClock.now());
  log.error({ reason, pause, pods: custody.podCount }, 'the proxy ended and is started again; new connections wait');
  systemClock.setTimeout(() => {
    try {
      launch();
    } catch (error) {
      // Out of descriptors or processes: what is in custody must survive that too.
      relaunch(messageOf(error), systemClock.now());
    }
  }, pause);
}

// The proxy drains; the keeper ends when it has. A second signal goes through likewise, and the proxy then cuts.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    ending = true;
    proxy?.kill(signal);
  });
}

launch();

systemClock.setTimeout(
  () => {
    collectStartGarbage({ code: true });
    trimHeap();
  },
  START_GARBAGE_AFTER,
  { background: true },
);
