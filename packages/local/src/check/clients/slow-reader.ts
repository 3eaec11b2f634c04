import { connect } from 'node:net';
import { systemClock } from '@ambit/core/clock';
import type { SlowReaderOptions } from './requests-options.ts';

/** How long every buffer on the way gets to fill, in milliseconds. */
const FILLED_AFTER = 500;

const { host, port, bytes, timeout } = JSON.parse(process.argv[2] ?? '{}') as SlowReaderOptions;
const socket = connect({ host, port }, () => {
  socket.write(`GET /download?bytes=${bytes} HTTP/1.1\r\nhost: ${host}:${port}\r\n\r\n`);
});
socket.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
socket.once('data', () => {
  socket.pause();
  systemClock.setTimeout(() => {
    console.log('ready');
  }, FILLED_AFTER);
});
systemClock.setTimeout(() => process.exit(0), timeout);
process.once('SIGTERM', () => process.exit(0));
