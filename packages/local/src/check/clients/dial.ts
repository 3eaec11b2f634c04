import { connect } from 'node:net';
import { systemClock } from '@ambit/core/clock';
import type { DialOptions, DialResult, Ending } from './options.ts';

/** How much of what arrives is reported. */
const REPORTED_CHARACTERS = 300;

/** Makes one connection and says what became of it. Never rejects. */
export function dial(options: DialOptions): Promise<DialResult> {
  return new Promise((resolve) => {
    const startedAt = systemClock.wallTime();
    const seen: { connectedAt?: number; firstByteAt?: number } = {};
    let receivedBytes = 0;
    let received = '';
    let done = false;

    const socket = connect({ host: options.host, port: options.port, allowHalfOpen: true, noDelay: true });
    const finish = (ending: Ending, errno?: string): void => {
      if (done) return;
      done = true;
      timer.cancel();
      socket.destroy();
      resolve({
        startedAt,
        ...seen,
        endedAt: systemClock.wallTime(),
        ending,
        ...(errno === undefined ? {} : { errno }),
        receivedBytes,
        received,
      });
    };
    const timer = systemClock.setTimeout(() => finish('timeout'), options.timeout);

    socket.on('connect', () => {
      seen.connectedAt = systemClock.wallTime();
      if (options.send !== undefined) socket.write(options.send);
      if (options.endAfterSend === true) socket.end();
    });
    socket.on('data', (bytes: Buffer) => {
      seen.firstByteAt ??= systemClock.wallTime();
      receivedBytes += bytes.length;
      if (received.length < REPORTED_CHARACTERS) {
        received = (received + bytes.toString('latin1')).slice(0, REPORTED_CHARACTERS);
      }
      if (options.resetAfterAnswer === true) {
        socket.resetAndDestroy();
        finish('own-reset');
      } else if (options.endAfterAnswer === true) socket.end();
    });
    socket.on('end', () => {
      finish('fin');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      finish(error.code === 'ECONNRESET' ? 'reset' : error.code === 'ECONNREFUSED' ? 'refused' : 'error', error.code);
    });
  });
}

if (process.argv[1] === import.meta.filename) {
  const options = JSON.parse(process.argv[2] ?? '{}') as DialOptions;
  console.log(JSON.stringify(await dial(options)));
}
