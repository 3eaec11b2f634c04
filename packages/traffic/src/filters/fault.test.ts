import { describe, expect, it } from 'vitest';
import { answerMessage } from '../local-answer.ts';
import type { Fault } from '../model/route-filters.ts';
import { seededRandom } from '../test-service.ts';
import { CompiledFault } from './fault.ts';
import { MILLION } from './share.ts';

const fault = (fields: Partial<Fault>) => new CompiledFault({ delay: null, abort: null, ...fields });
const abortWith = (kind: 'grpc' | 'http', status: number) =>
  fault({ abort: { kind, status, perMillion: MILLION } }).drawAbort(() => 0);
const never = () => {
  throw new Error('nothing is to be drawn');
};

describe('faults', () => {
  it('hit the share that is asked for, each drawn by itself', () => {
    const compiled = fault({
      delay: { delayMs: 5_000, perMillion: 100_000 },
      abort: { kind: 'http', status: 503, perMillion: 50_000 },
    });
    const random = seededRandom(7);
    const counts = { delays: 0, aborts: 0, both: 0 };
    for (let request = 0; request < 100_000; request++) {
      const delayed = compiled.drawDelay(random) === 5_000;
      const aborted = compiled.drawAbort(random) !== undefined;
      counts.delays += Number(delayed);
      counts.aborts += Number(aborted);
      counts.both += Number(delayed && aborted);
    }
    // Five standard deviations of 100,000 draws.
    expect(Math.abs(counts.delays - 10_000)).toBeLessThan(475);
    expect(Math.abs(counts.aborts - 5_000)).toBeLessThan(345);
    expect(Math.abs(counts.both - 500)).toBeLessThan(112);
  });

  it('hit everything or nothing without a draw', () => {
    const all = fault({
      delay: { delayMs: 1, perMillion: MILLION },
      abort: { kind: 'http', status: 500, perMillion: MILLION },
    });
    expect([all.drawDelay(never), all.drawAbort(never)?.status]).toEqual([1, 500]);
    const none = fault({
      delay: { delayMs: 1, perMillion: 0 },
      abort: { kind: 'http', status: 500, perMillion: 0 },
    });
    expect([none.drawDelay(never), none.drawAbort(never)]).toEqual([0, undefined]);
    expect([fault({}).drawDelay(never), fault({}).drawAbort(never)]).toEqual([0, undefined]);
  });

  it('hit one of a million when a millionth is asked for', () => {
    const compiled = fault({ delay: { delayMs: 1, perMillion: 1 } });
    expect([compiled.drawDelay(() => 0), compiled.drawDelay(() => 1e-6)]).toEqual([1, 0]);
  });

  it.each<['grpc' | 'http', number, number, number]>([
    ['http', 503, 503, 14],
    ['http', 418, 418, 2],
    ['http', 200, 200, 0],
    ['grpc', 14, 503, 14],
    ['grpc', 4, 504, 4],
    ['grpc', 8, 429, 8],
    ['grpc', 16, 401, 16],
    ['grpc', 1, 499, 1],
    ['grpc', 0, 200, 0],
  ])('by the %s status %i are %i to HTTP clients and %i to gRPC clients', (kind, status, http, grpc) => {
    const answer = abortWith(kind, status);
    if (answer === undefined) throw new Error('not aborted');
    expect([answer.flags, answer.details]).toEqual(['FI', 'fault_filter_abort']);
    expect(answerMessage(answer, { grpc: false, head: false })).toMatchObject({
      fields: [':status', String(http), 'content-length', '18', 'content-type', 'text/plain'],
      body: 'fault filter abort',
    });
    expect(answerMessage(answer, { grpc: true, head: false }).fields).toEqual([
      ...[':status', '200', 'content-type', 'application/grpc'],
      ...['grpc-status', String(grpc), 'grpc-message', 'fault filter abort'],
    ]);
  });
});
