/**
 * `main.js IP:PORT[=echo|grpc|sink[:FILL]] ...`: the servers of the benchmark, all on one loop. Answers are made of the
 * letter FILL, so that one can tell whose they are. Says `listening` when they are up.
 */
import { writeSync } from 'node:fs';
import { parseSocketAddress } from '@ambit/core/address';
import { systemClock } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import { openTcpListener } from '@ambit/native/listening-socket';
import { raiseOpenFileLimit } from '@ambit/native/process';
import { Reactor } from '@ambit/reactor/reactor';
import { serveEcho } from './echo-server.ts';
import { serveGrpc } from './grpc-server.ts';
import { serveSink } from './sink-server.ts';

raiseOpenFileLimit();
const reactor = new Reactor({ clock: systemClock, onError: (error) => console.error(error.message) });
for (const argument of process.argv.slice(2)) {
  const [text = '', what = 'echo'] = argument.split('=');
  const [kind, fill = 'x'] = what.split(':');
  const address = parseSocketAddress(text);
  if (address === undefined) throw new AmbitError('AMBIT_BENCH_ADDRESS', `${text} is not IP:PORT`);
  const listener = openTcpListener({ address, reusePort: true, backlog: 4096 });
  if (kind === 'sink') serveSink(reactor, listener);
  else if (kind === 'grpc') serveGrpc(reactor, listener, fill);
  else serveEcho(reactor, listener, fill);
}
writeSync(1, 'listening\n');
reactor.run();
