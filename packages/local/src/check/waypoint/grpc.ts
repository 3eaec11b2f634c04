import type { Bench, CallEnding } from '../bench.ts';
import { type Check, demand, eventually } from '../check.ts';

const CHARGES = 400;
const SERVICE = 'till.check-l7';
const PORT = 9090;
const OK = 0;
const INVALID_ARGUMENT = 3;
const DEADLINE_EXCEEDED = 4;
/** The deadline of the call that takes too long, and how late it may be noticed, in milliseconds. */
const DEADLINE = 300;
const NOTICED_WITHIN = 300;
/** An endpoint has to get at least this share of the calls, in percent: with two of them half would be even. */
const LEAST_SHARE = 25;
const KNOWN_WITHIN = 15_000;

export const grpc: Check<Bench> = {
  name: 'gRPC over one connection: calls are shared by the endpoints; streams, trailers, errors without a body and deadlines arrive',
  limit: 90_000,
  run: async (bench) => {
    const address = `${bench.serviceAddress(SERVICE)}:${PORT}`;
    await eventually(bench.clock, KNOWN_WITHIN, 'the till answers', async () => {
      const { singles } = await bench.pod('client').tell(address, 1);
      return singles.failed.length === 0 ? true : undefined;
    });
    const report = await bench.pod('client').tell(address, CHARGES);
    const { singles, streamed, instalments, talked, refused, refusedStream, late, lateAfter } = report;
    demand(singles.failed.length === 0, `${singles.failed.length} calls failed: ${text(singles.failed[0])}`);
    for (const version of ['v1', 'v2']) {
      const share = (100 * (singles.versions[version] ?? 0)) / CHARGES;
      demand(share >= LEAST_SHARE, `the endpoint ${version} got ${share.toFixed(0)} % of the calls`);
    }
    for (const [what, stream] of [
      ['a stream of answers', instalments],
      ['a stream both ways', talked],
    ] as const) {
      demand(stream.messages === streamed, `${what} has ${stream.messages} of ${streamed} messages`);
      demand(stream.ending.code === OK, `${what} ends with ${text(stream.ending)}`);
      demand(stream.versions.length === 1, `${what} comes from ${stream.versions.join(' and ')}`);
      demand(stream.ending.trailer === stream.versions[0], `${what} has no trailers: ${text(stream.ending)}`);
    }
    for (const [what, ending] of [
      ['an error', refused],
      ['an error in place of a stream', refusedStream.ending],
    ] as const) {
      demand(ending.code === INVALID_ARGUMENT, `${what} arrives as ${text(ending)}`);
      demand(/1000001 cents/.test(ending.details) && ending.trailer !== '', `${what} lost its words: ${text(ending)}`);
    }
    demand(late.code === DEADLINE_EXCEEDED, `a deadline arrives as ${text(late)}`);
    demand(lateAfter < DEADLINE + NOTICED_WITHIN, `a deadline of ${DEADLINE} ms is noticed after ${lateAfter} ms`);
    const shares = Object.entries(singles.versions).map(([version, count]) => `${version} ${count}`);
    return `${CHARGES} calls: ${shares.toSorted().join(', ')}; ${streamed} messages in each stream, with trailers; INVALID_ARGUMENT with its message; a deadline of ${DEADLINE} ms over after ${lateAfter} ms`;
  },
};

function text(ending: CallEnding | undefined): string {
  return JSON.stringify(ending);
}
