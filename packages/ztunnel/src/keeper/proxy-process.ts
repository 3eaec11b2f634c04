import { PROXY_RUNTIME_ENVIRONMENT, PROXY_RUNTIME_FLAGS } from '@ambit/core/runtime-flags';
import { close } from '@ambit/native/descriptor';
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/** Descriptors that the proxy finds open at start. */
export const PACKET_DESCRIPTOR = 3;
export const DOORBELL_DESCRIPTOR = 4;

export interface ProxyProcessOptions {
  readonly module: URL;
  readonly environment: NodeJS.ProcessEnv;
  /** The proxy's half of the packet socket. It is closed here once the child has it. */
  readonly packetSocket: number;
  /** The proxy has put packets into the socket. Rung over a pipe, because libuv cannot watch a packet socket. */
  readonly onDoorbell: () => void;
  readonly onEnd: (reason: string, code: number) => void;
}

/** Starts the proxy as a child that shares this process's output and ends with it. */
export function startProxy(options: ProxyProcessOptions): ChildProcess {
  const child = spawn(process.execPath, [...process.execArgv, ...PROXY_RUNTIME_FLAGS, fileURLToPath(options.module)], {
    stdio: ['ignore', 'inherit', 'inherit', options.packetSocket, 'pipe'],
    // Tells a proxy that was started by hand, with other things on these descriptors, from one that has a keeper.
    env: { ...PROXY_RUNTIME_ENVIRONMENT, ...options.environment, AMBIT_KEEPER: String(process.pid) },
  });
  close(options.packetSocket);
  let ended = false;
  const end = (reason: string, code: number): void => {
    if (ended) return;
    ended = true;
    options.onEnd(reason, code);
  };
  // Absent when the child could not be started, which its error event tells.
  const doorbell = child.stdio[DOORBELL_DESCRIPTOR] as Readable | undefined;
  doorbell?.on('error', () => undefined);
  doorbell?.on('data', options.onDoorbell);
  child.on('error', (error) => {
    end(error.message, 1);
  });
  child.on('exit', (code, signal) => {
    end(signal ?? `exit code ${code ?? 'unknown'}`, code ?? 1);
  });
  return child;
}
