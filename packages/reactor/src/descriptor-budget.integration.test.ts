import { close } from '@ambit/native/descriptor';
import { openTcpListener } from '@ambit/native/listening-socket';
import { connect, localAddress, openTcpSocket } from '@ambit/native/socket';
import { AF_INET } from '@ambit/native/socket-address';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DescriptorAccount, DescriptorBudget } from './descriptor-budget.ts';
import { DescriptorCounts } from './descriptor-counts.ts';
import { ACCEPT_PAUSE_MS } from './limits.ts';
import { Listener } from './listener.ts';
import { connectTcp } from './tcp-connect.ts';
import { TestLoop } from './test-loop.ts';

/** One owner, with all that it does on this loop. */
class Owner {
  readonly account: DescriptorAccount;
  readonly listener: number;
  readonly accepted: number[] = [];
  readonly counts = new DescriptorCounts(DescriptorCounts.allocate(1));
  readonly #loop: TestLoop;
  readonly #listening: Listener;

  constructor(loop: TestLoop, budget: DescriptorBudget) {
    this.#loop = loop;
    this.account = budget.account(0, this.counts);
    this.listener = openTcpListener({ address: { ip: '127.0.0.1', port: 0 } });
    this.#listening = new Listener(
      loop.reactor,
      this.listener,
      { onAccept: (fd) => this.accepted.push(fd) },
      this.account,
    );
  }

  /** So many clients dial. */
  dialled(count: number): void {
    for (let each = 0; each < count; each += 1) {
      const client = openTcpSocket(AF_INET);
      this.#loop.reactor.adopt(client);
      connect(client, localAddress(this.listener));
    }
  }

  /** Connects like the other side of an accepted connection; the error's code when that is refused. */
  async other(): Promise<string | undefined> {
    const result = Promise.withResolvers<string | undefined>();
    let settled = false;
    connectTcp(
      this.#loop.reactor,
      { destination: localAddress(this.listener), account: this.account },
      {
        onConnected: () => {
          settled = true;
          result.resolve(undefined);
        },
        onConnectFailed: ({ code }) => {
          settled = true;
          result.resolve(code);
        },
      },
    );
    this.#loop.until(() => settled);
    return await result.promise;
  }

  end(): void {
    this.#listening.stop();
    close(this.listener);
  }
}

describe('when descriptors are short', () => {
  let loop: TestLoop;
  let budget: DescriptorBudget;
  let greedy: Owner;
  let modest: Owner;

  beforeEach(() => {
    loop = new TestLoop();
    budget = new DescriptorBudget(DescriptorBudget.allocate(1));
    greedy = new Owner(loop, budget);
    modest = new Owner(loop, budget);
  });
  afterEach(() => {
    for (const owner of [greedy, modest]) owner.end();
    loop.reactor.dispose();
    expect(loop.errors).toEqual([]);
  });

  it('connections of one that takes all it can wait in the queue, and others are served', () => {
    budget.room = 100;
    greedy.dialled(120);
    loop.pass(ACCEPT_PAUSE_MS * 2);
    expect(greedy.accepted.length).toBeGreaterThan(70);
    expect(greedy.accepted.length).toBeLessThanOrEqual(80);
    expect(greedy.counts).toMatchObject({ held: greedy.accepted.length, waiting: 1 });
    modest.dialled(10);
    loop.pass(ACCEPT_PAUSE_MS * 2);
    expect(modest.accepted).toHaveLength(10);
    expect(budget.counts.waiting).toBe(1);
  });

  it('what waited is accepted when others end, and nothing waits any more', () => {
    budget.room = 20;
    greedy.dialled(20);
    loop.pass(ACCEPT_PAUSE_MS * 2);
    const first = greedy.accepted.splice(0);
    expect(first.length).toBeLessThan(20);
    for (const fd of first) loop.reactor.close(fd);
    loop.until(() => greedy.accepted.length === 20 - first.length);
    loop.pass(ACCEPT_PAUSE_MS * 2);
    expect(budget.counts).toMatchObject({ held: greedy.accepted.length, waiting: 0 });
    for (const fd of greedy.accepted) loop.reactor.close(fd);
    expect(budget.counts.held).toBe(0);
  });

  it('the other side of a connection that was accepted is opened, and beyond that refused with the reason', async () => {
    budget.room = 100;
    greedy.dialled(100);
    loop.pass(ACCEPT_PAUSE_MS * 2);
    const refusals: (string | undefined)[] = [];
    for (let count = 0; count < 10; count += 1) refusals.push(await greedy.other());
    expect(refusals[0]).toBeUndefined();
    expect(refusals.at(-1)).toBe('AMBIT_DESCRIPTORS');
    expect(budget.counts.refused).toBe(refusals.filter((code) => code !== undefined).length);
    expect(await modest.other()).toBeUndefined();
  });

  it('a listener that is taken out of service waits no more', () => {
    budget.room = 0;
    greedy.dialled(1);
    loop.pass(ACCEPT_PAUSE_MS);
    expect(budget.counts.waiting).toBe(1);
    greedy.end();
    expect(budget.counts.waiting).toBe(0);
    greedy = new Owner(loop, budget);
  });
});
