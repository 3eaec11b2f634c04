import { type Socket, createServer } from 'node:net';
import { closed, listen, run } from './lifecycle.ts';
import { MARKER, log, port } from './settings.ts';

let guests = 0;
const open = new Set<Socket>();

// Speaks first, then echoes what it hears until the guest ends; a guest that has ended still hears the rest.
const server = createServer({ allowHalfOpen: true }, (guest) => {
  guests += 1;
  open.add(guest);
  guest.on('close', () => open.delete(guest));
  guest.on('error', (error) => {
    log('greeter', 'a guest left without a word', { error: error.message });
  });
  guest.write(`welcome to the shop, guest ${guests} ${MARKER}\n`);
  guest.pipe(guest);
});

await run({
  name: 'greeter',
  start: () => listen(server, port('PORT', 7000)),
  finish: () => {
    for (const guest of open) {
      guest.unpipe(guest).resume();
      guest.end('the shop is closing, goodbye\n');
    }
    return closed(server);
  },
});
