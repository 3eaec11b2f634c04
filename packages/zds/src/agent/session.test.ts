import { describe, expect, it } from 'vitest';
import { ManualClock } from '@ambit/core/clock';
import { EBADF, EPIPE, SystemCallError } from '@ambit/native/errno';
import { decodeRequest, encodeAck, encodeConnectionsReset, encodeHello } from '../messages.ts';
import { PodBook } from './pod-book.ts';
import { AgentSession, type Line } from './session.ts';

const INFO = { name: 'web', namespace: 'shop', serviceAccount: 'web' };
const BAD_DESCRIPTOR = 99;

/** A proxy at the other end: keeps what it is told, acknowledges when the test says so. */
class Proxy implements Line {
  readonly told: string[] = [];
  closed = false;
  broken = false;
  session: AgentSession | undefined;

  send(packet: Uint8Array, descriptor: number | undefined): void {
    if (this.broken) throw new SystemCallError('sendmsg', EPIPE);
    if (descriptor === BAD_DESCRIPTOR) throw new SystemCallError('sendmsg', EBADF);
    const request = decodeRequest(packet);
    const uid = request.kind === 'snapshotSent' ? '' : ` ${request.uid}`;
    this.told.push(`${request.kind}${uid}${descriptor === undefined ? '' : ` fd ${descriptor}`}`);
  }

  close(): void {
    this.closed = true;
  }

  greet(): this {
    this.session?.receive(encodeHello());
    return this;
  }

  ack(times = 1, error = ''): this {
    for (let index = 0; index < times; index++) this.session?.receive(encodeAck(error));
    return this;
  }
}

function setUp(): {
  book: PodBook;
  events: string[];
  clock: ManualClock;
  connect: () => Proxy;
  add: (uid: string, namespace?: number) => void;
} {
  const events: string[] = [];
  const clock = new ManualClock();
  const book = new PodBook({
    acknowledged: (uid, serial, error) => events.push(`acknowledged ${uid} ${serial} ${error}`.trim()),
    removed: (uid, serial) => events.push(`removed ${uid} ${serial}`),
    connectionsReset: (uid, message) => events.push(`reset ${uid} ${message}`),
    proxies: (greeted, synced) => events.push(`proxies ${greeted} ${synced}`),
    problem: ({ message }) => events.push(`problem ${message}`),
  });
  let serial = 0;
  return {
    book,
    events,
    clock,
    connect: () => {
      const proxy = new Proxy();
      proxy.session = new AgentSession(book, proxy, (milliseconds, run) => clock.setTimeout(run, milliseconds));
      return proxy;
    },
    add: (uid, namespace) => {
      serial += 1;
      book.add(uid, { info: INFO, namespace, serial, plaintextRedirected: false });
    },
  };
}

describe('a session of the agent', () => {
  it('sends the snapshot one message at a time, each after the acknowledgement of the last', () => {
    const { connect, add, events } = setUp();
    add('a', 3);
    add('b');
    const proxy = connect().greet();
    expect(proxy.told).toEqual(['add a fd 3']);
    proxy.ack();
    expect(proxy.told).toEqual(['add a fd 3', 'keep b']);
    proxy.ack();
    expect(proxy.told.at(-1)).toBe('snapshotSent');
    proxy.ack();
    add('c', 4);
    expect(proxy.told.at(-1)).toBe('add c fd 4');
    proxy.ack(1, 'no room');
    expect(events).toEqual(['proxies 1 0', 'acknowledged a 1', 'proxies 1 1', 'acknowledged c 3 no room']);
  });

  it('changes during the snapshot follow it', () => {
    const { connect, add, book, events } = setUp();
    for (const uid of ['a', 'b', 'c']) add(uid, 3);
    const proxy = connect().greet();
    book.remove('a', 10); // told already
    book.remove('c', 11); // not told yet
    add('d', 5);
    expect(events).toEqual(['proxies 1 0', 'removed c 11']);
    proxy.ack(5);
    expect(proxy.told).toEqual(['add a fd 3', 'add b fd 3', 'snapshotSent', 'remove a', 'add d fd 5']);
    expect(events.slice(2)).toEqual([
      'acknowledged a 1',
      'acknowledged b 2',
      'proxies 1 1',
      'removed a 10',
      'acknowledged d 4',
    ]);
  });

  it.each([
    ['greets', 0],
    ['acknowledges', 1],
  ])('ends when the proxy never %s, after five seconds', (_name, greetings) => {
    const { connect, add, clock, events } = setUp();
    add('a', 3);
    const proxy = connect();
    if (greetings > 0) proxy.greet();
    clock.advance(4_999);
    expect(proxy.closed).toBe(false);
    clock.advance(1);
    expect(proxy.closed).toBe(true);
    expect(events.join()).toMatch(/problem no (greeting|acknowledgement) from the proxy within 5000 ms/);
  });

  it('a deadline does not outlive its message', () => {
    const { connect, add, clock } = setUp();
    const proxy = connect().greet().ack();
    clock.advance(60_000);
    add('a', 3);
    clock.advance(4_000);
    proxy.ack();
    clock.advance(60_000);
    expect(proxy.closed).toBe(false);
  });

  it('a later pod goes to the newest proxy alone, a removal to all, and the older one is told what it missed', () => {
    const { connect, add, book, events } = setUp();
    add('a', 3);
    const older = connect().greet().ack(2);
    const newer = connect().greet().ack(2);
    add('b', 4);
    newer.ack();
    expect(older.told).toEqual(['add a fd 3', 'snapshotSent']);
    expect(newer.told.at(-1)).toBe('add b fd 4');
    book.remove('a', 20);
    expect([older.told.at(-1), newer.told.at(-1)]).toEqual(['remove a', 'remove a']);
    newer.ack();
    expect(events).not.toContain('removed a 20');
    older.ack();
    expect(events).toContain('removed a 20');
    newer.session?.close();
    expect(older.told.at(-1)).toBe('add b fd 4');
    expect(events.at(-1)).toBe('proxies 1 1');
  });

  it('a removal does not wait for a proxy that goes away', () => {
    const { connect, add, book, events } = setUp();
    add('a', 3);
    const proxy = connect().greet().ack(2);
    book.remove('a', 20);
    proxy.session?.close();
    expect(events).toContain('removed a 20');
  });

  it('one pod whose namespace is gone does not take the others with it', () => {
    const { connect, add, events } = setUp();
    add('gone', BAD_DESCRIPTOR);
    add('a', 3);
    const proxy = connect().greet().ack(3);
    expect(proxy.told).toEqual(['keep gone', 'add a fd 3', 'snapshotSent']);
    expect(events.join()).toMatch(/acknowledged gone 1 .*EBADF/);
    add('late', BAD_DESCRIPTOR);
    add('b', 4);
    expect(proxy.told.at(-1)).toBe('add b fd 4');
  });

  it('a pod removed and added again is told in that order, and removed only once', () => {
    const { connect, add, book } = setUp();
    add('a', 3);
    const proxy = connect().greet().ack(2);
    add('x', 9); // keeps the line busy
    book.remove('a', 20);
    add('a', 5);
    book.remove('a', 21);
    proxy.ack(2);
    expect(proxy.told.slice(2)).toEqual(['add x fd 9', 'remove a']);
    add('a', 6);
    expect(proxy.told.at(-1)).toBe('add a fd 6');
  });

  it.each([
    ['an answer to nothing', (proxy: Proxy) => proxy.ack()],
    ['garbage', (proxy: Proxy) => proxy.session?.receive(Uint8Array.of(255))],
  ])('%s ends it', (_name, misbehave) => {
    const { connect } = setUp();
    const proxy = connect().greet().ack();
    misbehave(proxy);
    expect(proxy.closed).toBe(true);
  });

  it('what a proxy says of connections of a pod answers nothing, and is heard of its own pods only', () => {
    const { connect, add, book, events } = setUp();
    add('a', 3);
    const proxy = connect().greet();
    for (const uid of ['a', 'b']) proxy.session?.receive(encodeConnectionsReset(uid, 'two of them'));
    proxy.ack(2);
    expect(events).toEqual(['proxies 1 0', 'reset a two of them', 'acknowledged a 1', 'proxies 1 1']);
    book.remove('a', 20);
    proxy.session?.receive(encodeConnectionsReset('a', 'too late'));
    proxy.ack();
    expect(proxy.closed).toBe(false);
    expect(events.slice(4)).toEqual(['removed a 20']);
  });

  it('a line that breaks while something is sent ends the session and nothing else', () => {
    const { connect, add, events } = setUp();
    const older = connect().greet().ack();
    const newer = connect().greet().ack();
    newer.broken = true;
    add('a', 3);
    expect(newer.closed).toBe(true);
    expect(older.told.at(-1)).toBe('add a fd 3');
    older.ack();
    expect(events.at(-1)).toBe('acknowledged a 1');
  });
});
