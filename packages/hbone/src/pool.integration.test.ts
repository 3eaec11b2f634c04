import { requireSpiffeId } from '@ambit/core/spiffe';
import { afterEach, describe, expect, it } from 'vitest';
import { openTcpListener } from '@ambit/native/listening-socket';
import { localAddress } from '@ambit/native/socket';
import { MAX_WAITING_TUNNELS } from './limits.ts';
import { CLIENT_ID, context, leaf, SERVER_ID, TestBed } from './test-bed.ts';
import type { ClientCredential, IncomingTunnel } from './tunnel.ts';

let bed: TestBed;
afterEach(() => {
  expect(bed.loop.errors).toEqual([]);
  bed.dispose();
});

function opened(): number {
  return bed.events.filter((event) => event === 'client open').length;
}

describe('who shares a connection', () => {
  it('tunnels of one key do; they wait for one handshake together', () => {
    bed = new TestBed();
    const attempts = Array.from({ length: 50 }, () => bed.open());
    bed.loop.until(() => bed.incoming.length === 50);
    expect(opened()).toBe(1);
    expect(attempts.some(({ settled }) => settled)).toBe(false);
  });

  it('other identities, addresses of the source or uids do not', () => {
    bed = new TestBed();
    bed.open();
    bed.open({ workloadUid: 'cart-2' });
    bed.open({ sourceIp: '127.0.0.2' });
    bed.open({ sourcePrincipal: 'spiffe://cluster.local/ns/shop/sa/other' });
    bed.open({ expected: [requireSpiffeId(SERVER_ID), requireSpiffeId(CLIENT_ID)] });
    bed.loop.until(() => bed.incoming.length === 5);
    expect(opened()).toBe(5);
    bed.open({ expected: [requireSpiffeId(CLIENT_ID), requireSpiffeId(SERVER_ID)] });
    bed.loop.until(() => bed.incoming.length === 6);
    expect(opened()).toBe(5);
  });

  it('slots come back when streams end', () => {
    bed = new TestBed({ pool: { maxStreams: 2, spreadStreams: 2 } });
    for (let round = 0; round < 10; round++) {
      const [attempt, incoming] = bed.ask();
      incoming.refuse(401, []);
      bed.loop.until(() => attempt.settled);
    }
    expect(opened()).toBe(1);
  });

  it('with one stream per connection each serves one tunnel, and is closed after it', () => {
    bed = new TestBed({ pool: { maxStreams: 1 } });
    for (let round = 1; round <= 3; round++) {
      const [attempt, incoming] = bed.ask();
      incoming.refuse(401, []);
      bed.loop.until(() => attempt.settled && bed.pool.connections === 0);
      expect(opened()).toBe(round);
    }
  });

  it('another connection is opened when the first gets crowded, and more when all are full', () => {
    bed = new TestBed({ pool: { maxStreams: 20, spreadStreams: 10 } });
    const ask = (count: number): void => {
      for (let index = 0; index < count; index++) bed.ask();
    };
    ask(11);
    bed.loop.until(() => opened() === 2);
    ask(9);
    expect(opened()).toBe(2);
    ask(70);
    bed.loop.until(() => opened() === 5);
  });

  it("the peer's limit holds, and what is beyond it waits for no one else's", () => {
    bed = new TestBed();
    Array.from({ length: 250 }, () => bed.open());
    bed.loop.until(() => bed.incoming.length === 250);
    expect(opened()).toBe(3);
  });
});

describe('who must answer', () => {
  it('another identity than expected ends the connection before anything is sent', () => {
    bed = new TestBed({ serverLeaf: leaf('spiffe://cluster.local/ns/shop/sa/imposter') });
    const attempt = bed.open();
    bed.loop.until(() => attempt.settled);
    expect(attempt.error?.code).toBe('AMBIT_HBONE_WRONG_IDENTITY');
    expect(attempt.error?.message).toContain('sa/imposter');
    bed.loop.pass(20);
    expect(bed.incoming).toEqual([]);
    expect(attempt.calls).toBe(1);
  });

  it('two identities, one of them expected, are none', () => {
    bed = new TestBed({ serverLeaf: leaf('', { uris: [SERVER_ID, CLIENT_ID] }) });
    const attempt = bed.open();
    bed.loop.until(() => attempt.settled);
    expect(attempt.error?.code).toBe('AMBIT_HBONE_NO_IDENTITY');
  });

  it('one of several expected ones is enough', () => {
    bed = new TestBed();
    bed.open({ expected: [requireSpiffeId(CLIENT_ID), requireSpiffeId(SERVER_ID)] });
    bed.loop.until(() => bed.incoming.length === 1);
  });

  it('an expired certificate of the server', () => {
    bed = new TestBed({ serverLeaf: leaf(SERVER_ID, { notBefore: Date.now() - 2000, notAfter: Date.now() - 1000 }) });
    const attempt = bed.open();
    bed.loop.until(() => attempt.settled);
    expect(attempt.error?.code).toBe('AMBIT_TLS_CERTIFICATE_EXPIRED');
  });

  it('nobody listens', () => {
    bed = new TestBed();
    const attempt = bed.open({ address: { ip: '127.0.0.1', port: 1 } });
    expect(attempt.settled).toBe(false);
    bed.loop.until(() => attempt.settled);
    expect(attempt.error?.retryable).toBe(true);
    expect(attempt.error?.message).toContain('127.0.0.1:1');
  });

  it('somebody who listens and says nothing', () => {
    bed = new TestBed({ pool: { handshakeTimeoutMs: 100 } });
    const silent = openTcpListener({ address: { ip: '127.0.0.1', port: 0 } });
    bed.reactor.adopt(silent);
    const attempt = bed.open({ address: localAddress(silent) });
    bed.loop.until(() => attempt.settled, 1000);
    expect(attempt.error?.code).toBe('AMBIT_TLS_TIMEOUT');
  });
});

describe('a certificate that is replaced while the connection is being made', () => {
  it('the tunnel comes up with the new one; the old one is of no use to it', () => {
    bed = new TestBed();
    const older = context('client', leaf(CLIENT_ID));
    const newer = context('client', leaf(CLIENT_ID));
    let current = { context: older, generation: 1 };
    bed.open({ credential: () => current });
    current = { context: newer, generation: 2 };
    older.free();
    bed.loop.until(() => bed.incoming.length === 1);
    bed.open({ credential: () => current });
    bed.loop.until(() => bed.incoming.length === 2);
    expect(opened()).toBe(1);
    newer.free();
  });

  it('and there is none any more: the tunnel fails and says so', () => {
    bed = new TestBed();
    const older = context('client', leaf(CLIENT_ID));
    let current: ClientCredential | undefined = { context: older, generation: 1 };
    const attempt = bed.open({ credential: () => current });
    current = undefined;
    older.free();
    bed.loop.until(() => attempt.settled);
    expect(attempt.error).toMatchObject({ code: 'AMBIT_HBONE_NO_CERTIFICATE', retryable: true });
    expect(attempt.error?.message).toContain(CLIENT_ID);
  });
});

describe('too many that wait', () => {
  it('fail at once, to be tried elsewhere', () => {
    bed = new TestBed({ pool: { handshakeTimeoutMs: 200 } });
    const silent = openTcpListener({ address: { ip: '127.0.0.1', port: 0 } });
    bed.reactor.adopt(silent);
    const attempts = Array.from({ length: MAX_WAITING_TUNNELS + 10 }, () =>
      bed.open({ address: localAddress(silent) }),
    );
    bed.loop.until(() => attempts.filter(({ settled }) => settled).length === 10, 150);
    expect(attempts.at(-1)?.error).toMatchObject({ code: 'AMBIT_HBONE_QUEUE', retryable: true });
    bed.loop.until(() => attempts.every(({ settled }) => settled));
  });
});

describe('a stale connection', () => {
  it('that the peer closed after the CONNECT left: the tunnel comes up on a fresh one, unnoticed', () => {
    bed = new TestBed();
    const [, warm] = bed.ask();
    warm.refuse(401, []);
    bed.loop.pass(20);
    const old = bed.server;
    bed.server = bed.newServer();
    const attempt = bed.open();
    old.destroy();
    bed.loop.until(() => bed.incoming.length === 2);
    expect(opened()).toBe(2);
    expect(bed.events).toContain('retry AMBIT_HBONE_LOST');
    const [, side] = bed.loop.tcpPair();
    bed.incoming[1]?.accept(side, [], () => undefined);
    bed.loop.until(() => attempt.settled);
    expect(attempt.tunnel).toBeDefined();
    expect(attempt.calls).toBe(1);
  });

  it('a peer that always dies before its answer is asked twice, not for ever', () => {
    bed = new TestBed();
    bed.onTunnel = (tunnel) => {
      bed.incoming.push(tunnel);
      bed.server.destroy();
      bed.server = bed.newServer();
    };
    const attempt = bed.open();
    bed.loop.until(() => attempt.settled);
    expect(attempt.error).toMatchObject({ code: 'AMBIT_HBONE_LOST', retryable: true });
    expect(bed.incoming.length).toBe(2);
  });

  it('a drained peer is not asked again; new tunnels go to its successor', () => {
    bed = new TestBed();
    const joined = bed.join();
    const old = bed.server;
    bed.server = bed.newServer();
    old.drain();
    bed.loop.pass(20);
    const fresh = bed.join();
    expect(opened()).toBe(2);
    joined.client.send('old');
    fresh.client.send('new');
    bed.loop.until(() => joined.server.received === 'old' && fresh.server.received === 'new');
  });

  it('a CONNECT that crosses the GOAWAY of a draining peer is still served', () => {
    bed = new TestBed();
    bed.join();
    const attempt = bed.open();
    bed.server.drain();
    bed.loop.until(() => bed.incoming.length === 2);
    bed.incoming[1]?.refuse(503, []);
    bed.loop.until(() => attempt.settled);
    expect(attempt.refused).toBe(503);
  });

  it('established tunnels end with a reset when the connection dies', () => {
    bed = new TestBed();
    const joined = bed.join();
    bed.server.destroy();
    bed.loop.until(() => joined.client.ended === 'reset');
    expect(joined.clientOutcome?.error?.source).toBeDefined();
  });
});

describe('connections that are of no use any more', () => {
  it('idle ones are closed, used ones stay', () => {
    bed = new TestBed({ pool: { idleMs: 150 } });
    const joined = bed.join();
    bed.loop.pass(400);
    expect(bed.pool.connections).toBe(1);
    joined.client.finish();
    joined.server.finish();
    bed.loop.until(() => bed.pool.connections === 0, 1000);
    bed.loop.until(() => bed.pool.size === 0 && bed.server.connections === 0);
  });

  it('those to a retired workload: idle ones at once, used ones when they are done, and never again', () => {
    bed = new TestBed();
    const joined = bed.join();
    bed.pool.retireWorkload('cart-1');
    const [attempt] = bed.ask();
    expect(opened()).toBe(2);
    joined.client.send('still');
    bed.loop.until(() => joined.server.received === 'still');
    joined.client.finish();
    joined.server.finish();
    bed.loop.until(() => bed.pool.connections === 1);
    attempt.pending?.cancel();
    bed.loop.pass(20);
    bed.pool.retireWorkload('cart-1');
    bed.loop.until(() => bed.pool.connections === 0 && bed.server.connections === 0);
  });

  it('tunnels that wait for a retired workload fail, to be tried elsewhere', () => {
    bed = new TestBed();
    const attempt = bed.open();
    bed.pool.retireWorkload('cart-1');
    bed.loop.until(() => attempt.settled);
    expect(attempt.error).toMatchObject({ code: 'AMBIT_HBONE_RETIRED', retryable: true });
    bed.loop.until(() => bed.pool.size === 0);
  });

  it('a CONNECT that a retired workload has not answered fails at once, to be tried elsewhere', () => {
    bed = new TestBed();
    const answered = bed.join();
    const [unanswered] = bed.ask();
    bed.pool.retireWorkload('cart-1');
    expect(unanswered.error).toMatchObject({ code: 'AMBIT_HBONE_RETIRED', retryable: true });
    expect(unanswered.calls).toBe(1);
    answered.client.send('goes on');
    bed.loop.until(() => answered.server.received === 'goes on');
  });

  it('those of an older certificate serve what they have and take nothing new', () => {
    bed = new TestBed();
    const joined = bed.join();
    const newer = context('client', leaf(CLIENT_ID));
    bed.open({ credential: () => ({ context: newer, generation: 2 }) });
    bed.loop.until(() => opened() === 2);
    joined.client.send('old one');
    bed.loop.until(() => joined.server.received === 'old one');
    joined.client.finish();
    joined.server.finish();
    bed.loop.until(() => bed.pool.connections === 1);
    newer.free();
  });

  it('drain closes idle connections, and the others with their last tunnel', () => {
    bed = new TestBed();
    const joined = bed.join();
    bed.open({ workloadUid: 'cart-2' });
    bed.loop.until(() => bed.incoming.length === 2);
    bed.incoming[1]?.refuse(401, []);
    bed.loop.pass(20);
    expect(bed.pool.connections).toBe(2);
    bed.pool.drain();
    bed.loop.until(() => bed.pool.connections === 1);
    joined.client.send('a');
    bed.loop.until(() => joined.server.received === 'a');
    joined.client.finish();
    joined.server.finish();
    bed.loop.until(() => bed.pool.connections === 0 && bed.pool.size === 0);
    expect(joined.clientOutcome?.error).toBeUndefined();
    bed.loop.until(() => bed.server.connections === 0);
  });

  it('drain fails nobody: tunnels that wait, and those that are asked for later, come up', () => {
    bed = new TestBed();
    const waiting = bed.open();
    bed.pool.drain();
    bed.loop.until(() => bed.incoming.length === 1);
    const [late, incoming] = bed.ask();
    expect(opened()).toBe(1);
    bed.incoming[0]?.refuse(401, []);
    incoming.refuse(401, []);
    bed.loop.until(() => bed.pool.connections === 0);
    expect([waiting.refused, late.refused]).toEqual([401, 401]);
    const [last, lastIncoming] = bed.ask();
    lastIncoming.refuse(401, []);
    bed.loop.until(() => last.settled && bed.pool.connections === 0);
    expect(opened()).toBe(2);
  });

  it('destroy cuts what is left and opens nothing more', () => {
    bed = new TestBed();
    const joined = bed.join();
    bed.pool.drain();
    bed.pool.destroy();
    const late = bed.open();
    bed.loop.until(() => joined.client.ended === 'reset' && joined.server.ended === 'reset' && late.settled);
    expect(late.error?.code).toBe('AMBIT_HBONE_DRAINING');
    expect(bed.pool.connections).toBe(0);
  });
});

describe('an owner of one tunnel that throws', () => {
  it.each(['onAccepted', 'onRefused'] as const)('in %s takes no other tunnel of the connection with it', (callback) => {
    bed = new TestBed();
    const joined = bed.join();
    const [attempt, incoming] = bed.ask();
    let ended: string | undefined;
    attempt[callback] = () => {
      throw new Error('no room');
    };
    if (callback === 'onAccepted') {
      const [, side] = bed.loop.tcpPair();
      incoming.accept(side, [], ({ error }) => {
        ended = error?.code;
      });
      bed.loop.until(() => ended === 'AMBIT_HBONE_RESET');
    } else incoming.refuse(401, []);
    bed.loop.until(() => bed.loop.errors.length === 1);
    expect(bed.loop.errors.splice(0)[0]?.message).toContain('no room');
    joined.client.send('still here');
    bed.loop.until(() => joined.server.received === 'still here');
    expect(opened()).toBe(1);
  });

  it('when the connection is lost: the others learn of it all the same', () => {
    bed = new TestBed({ pool: { handshakeTimeoutMs: 100 } });
    const silent = openTcpListener({ address: { ip: '127.0.0.1', port: 0 } });
    bed.reactor.adopt(silent);
    const first = bed.open({ address: localAddress(silent) });
    first.onFailed = () => {
      throw new Error('no room');
    };
    const second = bed.open({ address: localAddress(silent) });
    bed.loop.until(() => second.settled, 1000);
    expect(second.error?.code).toBe('AMBIT_TLS_TIMEOUT');
    expect(bed.loop.errors.splice(0)[0]?.message).toContain('no room');
  });
});

describe('giving up', () => {
  it('before there is a connection, and after the CONNECT', () => {
    bed = new TestBed();
    const early = bed.open();
    early.pending?.cancel();
    const [late, incoming] = bed.ask();
    let abandoned = false;
    incoming.onAbandoned = () => {
      abandoned = true;
    };
    late.pending?.cancel();
    late.pending?.cancel();
    bed.loop.until(() => abandoned);
    bed.loop.pass(10);
    expect([early.calls, late.calls, bed.incoming.length]).toEqual([0, 0, 1]);
  });

  it('an accepted tunnel that nobody wants any more is reset', () => {
    bed = new TestBed();
    const [attempt, incoming] = bed.ask();
    const [, side] = bed.loop.tcpPair();
    let ended: string | undefined;
    const accept = (tunnel: IncomingTunnel): void => {
      tunnel.accept(side, [], ({ error }) => {
        ended = error?.code;
      });
    };
    accept(incoming);
    bed.loop.until(() => attempt.settled);
    attempt.tunnel?.abandon();
    bed.loop.until(() => ended !== undefined);
    expect(ended).toBe('AMBIT_HBONE_RESET');
  });
});
