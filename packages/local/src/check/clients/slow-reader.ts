import { connect } from 'node:net';
import { systemClock } from '@ambit/core/clock';
import { pause } from '../check.ts';
import type { SlowReaderOptions } from './requests-options.ts';

/** How long every buffer on the way gets to fill, in milliseconds. */
const FILLED_AFTER = 500;

const { host, port, readers, bytes, timeout } = JSON.parse(process.argv[2] ?? '{}') as SlowReaderOptions;

/** Resolves when the first bytes have come; the others stay where they are. */
function read(): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host, port }, () => {
      socket.write(`GET /download?bytes=${bytes} HTTP/1.1\r\nhost: ${host}:${port}\r\n\r\n`);
    });
    socket.on('error', (error) => {
      console.error(error.message);
      process.exit(1);
    });
    socket.once('data', () => {
      socket.pause();
      resolve();
    });
  });
}

systemClock.setTimeout(() => process.exit(0), timeout);
process.once('SIGTERM', () => process.exit(0));
await Promise.all(Array.from({ length: readers }, read));
await pause(systemClock, FILLED_AFTER);
console.log('ready');
