import { afterEach, describe, expect, it } from 'vitest';
import { AmbitError } from '@ambit/core/errors';
import { openTcpListener } from '@ambit/native/listening-socket';
import { localAddress } from '@ambit/native/socket';
import { Listener } from '@ambit/reactor/listener';
import { connectTcp } from '@ambit/reactor/tcp-connect';
import { Application, TestBed } from './test-bed.ts';

let bed: TestBed;
afterEach(() => {
  expect(bed.loop.errors).toEqual([]);
  bed.dispose();
});

describe('a tunnel between two applications', () => {
  it('carries bytes both ways, the server speaking first', () => {
    bed = new TestBed();
    const { client, server } = bed.join();
    server.send('220 ready\r\n');
    bed.loop.until(() => client.received === '220 ready\r\n');
    client.send('HELO\r\n');
    bed.loop.until(() => server.received === 'HELO\r\n');
  });

  it('carries what the application sent before the tunnel stood', () => {
    bed = new TestBed();
    const [attempt, incoming] = bed.ask();
    const [clientApplication, clientSide] = bed.loop.tcpPair();
    const [serverApplication, serverSide] = bed.loop.tcpPair();
    const client = new Application(bed.reactor, clientApplication);
    client.send('early');
    client.finish();
    incoming.accept(serverSide, [], () => undefined);
    bed.loop.until(() => attempt.settled);
    attempt.tunnel?.relay(clientSide, () => undefined);
    const server = new Application(bed.reactor, serverApplication);
    bed.loop.until(() => server.ended !== undefined);
    expect([server.received, server.ended]).toEqual(['early', 'fin']);
  });

  it('takes a connection that the loop has just made', () => {
    bed = new TestBed();
    const [attempt, incoming] = bed.ask();
    const listener = openTcpListener({ address: { ip: '127.0.0.1', port: 0 } });
    bed.reactor.adopt(listener);
    const servers: Application[] = [];
    new Listener(bed.reactor, listener, {
      onAccept: (fd) => {
        const server = new Application(bed.reactor, fd);
        server.send('220 ready\r\n');
        servers.push(server);
      },
    });
    connectTcp(
      bed.reactor,
      { destination: localAddress(listener) },
      {
        onConnected: (fd) => {
          incoming.accept(fd, [], () => undefined);
        },
        onConnectFailed: (error) => {
          throw error;
        },
      },
    );
    bed.loop.until(() => attempt.settled);
    const [application, side] = bed.loop.tcpPair();
    attempt.tunnel?.relay(side, () => undefined);
    const client = new Application(bed.reactor, application);
    bed.loop.until(() => client.received === '220 ready\r\n');
    client.send('QUIT\r\n');
    client.finish();
    bed.loop.until(() => servers[0]?.ended === 'fin');
    expect(servers[0]?.received).toBe('QUIT\r\n');
  });

  it.each(['client', 'server'] as const)('the %s ends first and the other goes on', (first) => {
    bed = new TestBed();
    const joined = bed.join();
    const [one, other] = first === 'client' ? [joined.client, joined.server] : [joined.server, joined.client];
    one.send('question');
    one.finish();
    bed.loop.until(() => other.ended === 'fin');
    expect(other.received).toBe('question');
    other.send('answer');
    bed.loop.until(() => one.received === 'answer');
    other.finish();
    bed.loop.until(() => joined.clientOutcome !== undefined && joined.serverOutcome !== undefined);
    bed.loop.until(() => one.ended === 'fin');
    const [sent, got] = first === 'client' ? [8, 6] : [6, 8];
    expect(joined.clientOutcome).toEqual({ bytesFromApplication: sent, bytesToApplication: got, error: undefined });
    expect(joined.serverOutcome).toEqual({ bytesFromApplication: got, bytesToApplication: sent, error: undefined });
  });

  it.each(['client', 'server'] as const)('a reset by the %s is a reset at the other end', (first) => {
    bed = new TestBed();
    const joined = bed.join();
    const [one, other] = first === 'client' ? [joined.client, joined.server] : [joined.server, joined.client];
    one.send('last words');
    bed.loop.until(() => other.received === 'last words');
    one.reset();
    bed.loop.until(() => other.ended !== undefined);
    expect(other.ended).toBe('reset');
    const [near, far] =
      first === 'client' ? [joined.clientOutcome, joined.serverOutcome] : [joined.serverOutcome, joined.clientOutcome];
    expect(near?.error?.code).toBe('AMBIT_APPLICATION_RESET');
    expect(far?.error?.code).toBe('AMBIT_HBONE_RESET');
  });

  it('a reset comes through while its reader is stuck', () => {
    bed = new TestBed();
    const joined = bed.join();
    joined.server.pause();
    joined.client.pour(200 << 20);
    bed.loop.pass(300);
    expect(joined.client.poured).toBe(false);
    joined.client.reset();
    bed.loop.until(() => joined.serverOutcome !== undefined);
    expect(joined.serverOutcome?.error?.code).toBe('AMBIT_HBONE_RESET');
  });

  it('cut resets both ends and says why', () => {
    bed = new TestBed();
    const joined = bed.join();
    const error = new AmbitError('AMBIT_POLICY_DENIED', 'a policy changed');
    joined.serverRelay.cut(error);
    bed.loop.until(() => joined.client.ended !== undefined && joined.server.ended !== undefined);
    expect([joined.client.ended, joined.server.ended]).toEqual(['reset', 'reset']);
    expect(joined.serverOutcome?.error).toBe(error);
  });
});

describe('much data', () => {
  it('100 MB each way at once arrive complete', () => {
    bed = new TestBed();
    const { client, server } = bed.join();
    const size = 100 << 20;
    for (const end of [client, server]) {
      end.keeps = false;
      end.pour(size);
    }
    bed.loop.until(() => client.count === size && server.count === size, 25_000);
  });

  it('100 MB to a slow reader stay with the sender: memory is bounded, and other tunnels of the connection flow', () => {
    bed = new TestBed();
    const slow = bed.join();
    slow.server.keeps = false;
    slow.server.pause();
    slow.client.pour(100 << 20);
    bed.loop.pass(500);
    expect(slow.clientRelay.bytesFromApplication).toBeLessThan(16 << 20);
    // Four windows of a stream are the window of a connection; more of them must not close it.
    for (let count = 0; count < 5; count++) {
      const stuck = bed.join();
      stuck.server.pause();
      stuck.client.pour(20 << 20);
      bed.loop.until(() => stuck.clientRelay.bytesFromApplication > 4 << 20);
    }
    expect(bed.reactor.buffers.lent * (256 << 10)).toBeLessThan(64 << 20);
    const other = bed.join();
    other.client.send('small');
    bed.loop.until(() => other.server.received === 'small', 1000);
    slow.server.resume();
    bed.loop.until(() => slow.server.count === 100 << 20, 25_000);
  });

  it('more stuck tunnels than the connection has window for all go on when they are read', () => {
    bed = new TestBed();
    const tunnels = Array.from({ length: 12 }, () => bed.join());
    for (const { client, server } of tunnels) {
      server.keeps = false;
      server.pause();
      client.pour(8 << 20);
    }
    bed.loop.pass(400);
    for (const { server } of tunnels) server.resume();
    bed.loop.until(() => tunnels.every(({ server }) => server.count === 8 << 20), 20_000);
    const other = bed.join();
    other.client.send('small');
    bed.loop.until(() => other.server.received === 'small', 1000);
  });
});
