/**
 * `main.js SHAPE --target IP:PORT [options]`: the load generator, one loop on the main thread. Prints one line of JSON. With
 * `--token` requests and calls bear one.
 * Shapes: `keep-alive` (--connections, --rate), `grpc` (--connections, --streams, --rate), `new` (--parallel), `bulk`, `hold` (--connections) and
 * `hold-streams` (--connections, --streams of each), which print `{"held": N}` and keep what they have opened until they are
 * killed.
 */
import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parseSocketAddress } from '@ambit/core/address';
import { systemClock } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { raiseOpenFileLimit } from '@ambit/native/process';
import { Reactor } from '@ambit/reactor/reactor';
import { BulkLoad } from './bulk.ts';
import { holdConnections } from './hold.ts';
import { holdStreams } from './hold-streams.ts';
import { grpcOpener } from './grpc-connection.ts';
import { http1Opener } from './http1-connection.ts';
import { NewConnectionLoad } from './new-connections.ts';
import { RequestLoad } from './request-load.ts';

function run(): object {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      target: { type: 'string', default: '' },
      connections: { type: 'string', default: '1' },
      streams: { type: 'string', default: '1' },
      token: { type: 'string' },
      rate: { type: 'string', default: '0' },
      parallel: { type: 'string', default: '16' },
      warmUp: { type: 'string', default: '500' },
      measure: { type: 'string', default: '2000' },
      watch: { type: 'string', default: '' },
    },
  });
  const target = parseSocketAddress(values.target);
  if (target === undefined) throw new AmbitError('AMBIT_BENCH_TARGET', `--target ${values.target} is not IP:PORT`);
  const common = {
    target,
    warmUpMs: Number(values.warmUp),
    measureMs: Number(values.measure),
    watch: values.watch === '' ? [] : values.watch.split(',').map(Number),
  };
  const reactor = new Reactor({
    clock: systemClock,
    onError: (error) => {
      throw error;
    },
  });
  const connections = Number(values.connections);
  const { token } = values;
  const rate = Number(values.rate);
  const shape = positionals[0] ?? '';
  switch (shape) {
    case 'keep-alive':
      return new RequestLoad(reactor, { ...common, connections, streams: 1, rate }, http1Opener(token)).run();
    case 'grpc':
      return new RequestLoad(
        reactor,
        { ...common, connections, streams: Number(values.streams), rate },
        grpcOpener(token),
      ).run();
    case 'new':
      return new NewConnectionLoad(reactor, { ...common, token, parallel: Number(values.parallel) }).run();
    case 'bulk':
      return new BulkLoad(reactor, common).run();
    case 'hold':
      holdConnections(reactor, { target, connections, token });
      return keep(connections);
    case 'hold-streams':
      holdStreams(reactor, { target, connections, token, streams: Number(values.streams) });
      return keep(connections * Number(values.streams));
    default:
      throw new AmbitError('AMBIT_BENCH_SHAPE', `unknown shape ${JSON.stringify(shape)}`);
  }
}

function keep(held: number): object {
  writeSync(1, `${JSON.stringify({ held })}\n`);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  return {};
}

raiseOpenFileLimit();
try {
  writeSync(1, `${JSON.stringify(run())}\n`);
  process.exit(0);
} catch (error) {
  console.error(messageOf(error));
  process.exit(1);
}
