import '@ambit/native/arm-faults';
import { clearFaults, failCall } from '@ambit/native/fault';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Application, TestBed } from './test-bed.ts';

/** What epoll_ctl says when the user may watch no more descriptors (fs.epoll.max_user_watches). */
const ENOSPC = 28;

let bed: TestBed;
beforeEach(() => {
  bed = new TestBed();
});
afterEach(() => {
  expect(clearFaults()).toEqual([]);
  bed.dispose();
});

describe('a relay whose application cannot be watched', () => {
  it('ends at both ends and says why, instead of standing still', () => {
    const [attempt, incoming] = bed.ask();
    const [far, near] = bed.loop.tcpPair();
    const outcomes: unknown[] = [];
    incoming.accept(near, [], ({ error }) => outcomes.push(error?.code));
    failCall('epoll_ctl', 1, ENOSPC);
    bed.loop.until(() => attempt.settled);
    const application = new Application(bed.reactor, far);
    bed.loop.until(() => outcomes.length > 0 && application.ended !== undefined);
    expect([outcomes, application.ended]).toEqual([['AMBIT_HBONE_INTERNAL'], 'reset']);
    expect(bed.loop.errors.map(({ message }) => message)).toEqual([expect.stringContaining('ENOSPC')]);
  });
});
