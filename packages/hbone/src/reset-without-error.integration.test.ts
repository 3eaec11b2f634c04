import type { SocketAddress } from '@ambit/core/address';
import { requireSpiffeId, type SpiffeId } from '@ambit/core/spiffe';
import { ErrorCode } from '@ambit/http/h2/frames';
import type { FieldList } from '@ambit/http/h2/message-fields';
import type { Http2Stream } from '@ambit/http/h2/stream';
import { openTcpListener } from '@ambit/native/listening-socket';
import { localAddress } from '@ambit/native/socket';
import type { ByteEndpointHandler } from '@ambit/reactor/endpoint';
import { Listener } from '@ambit/reactor/listener';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HboneConnection, type StreamOwner } from './connection.ts';
import { Application, type Attempt, CLIENT_ID, context, leaf, SERVER_ID, TestBed } from './test-bed.ts';

let bed: TestBed;
beforeEach(() => {
  bed = new TestBed();
});
afterEach(() => {
  bed.dispose();
  expect(bed.loop.errors).toEqual([]);
});

/** More than the kernel takes for an application that does not read. */
const WORDS = Buffer.alloc(3_000_000, 'what was said ');

/** A server that accepts every tunnel, says its words, ends its side or does not, and resets with NO_ERROR. */
class Resetter extends HboneConnection {
  readonly #endsFirst: boolean;
  #said = 0;

  constructor(fd: number, peer: SocketAddress, endsFirst: boolean) {
    super(bed.reactor, fd, context('server', leaf(SERVER_ID)), 'server', peer, {});
    this.#endsFirst = endsFirst;
  }

  onHeaders(stream: Http2Stream<StreamOwner>, _fields: FieldList): void {
    this.http.respond(stream, [':status', '200'], false);
    this.onWritable(stream);
  }

  override onWritable(stream: Http2Stream<StreamOwner>): void {
    this.#said += this.http.sendData(stream, WORDS, this.#said, WORDS.length, this.#endsFirst);
    if (this.#said < WORDS.length) return;
    bed.reactor.after(20, () => {
      this.http.resetStream(stream, ErrorCode.noError);
    });
  }

  onSettings(): void {
    // Nothing waits for them.
  }

  onGoAway(): void {
    // The client leaves.
  }

  onStreamClosed(): void {
    // Nothing is counted.
  }

  protected judgePeer(): SpiffeId {
    return requireSpiffeId(CLIENT_ID);
  }

  protected onReady(): void {
    // The client speaks first.
  }

  protected onOver(): void {
    // The loop's end closes what is left.
  }
}

function openAt(endsFirst: boolean): Attempt {
  const fd = openTcpListener({ address: { ip: '127.0.0.1', port: 0 } });
  bed.reactor.adopt(fd);
  new Listener(bed.reactor, fd, {
    onAccept: (connection, peer) => {
      new Resetter(connection, peer, endsFirst);
    },
  });
  const attempt = bed.open({ address: localAddress(fd) });
  bed.loop.until(() => attempt.settled);
  return attempt;
}

describe.each([
  ['behind the end of the answer', true, 'fin', undefined],
  ['in the middle of the answer', false, 'reset', 'AMBIT_HBONE_RESET'],
] as const)('a reset without an error %s', (_when, endsFirst, ended, code) => {
  it(`is a ${ended} to the application of a relay: nothing whole is lost, and nothing cut looks whole`, () => {
    const attempt = openAt(endsFirst);
    const [application, side] = bed.loop.tcpPair();
    const outcomes: unknown[] = [];
    attempt.tunnel?.relay(side, ({ error }) => outcomes.push(error?.code));
    const client = new Application(bed.reactor, application);
    client.pause();
    bed.loop.pass(100);
    // It knows of no end yet, and goes on.
    if (endsFirst) client.send('more of the question');
    client.resume();
    bed.loop.until(() => client.ended !== undefined && outcomes.length > 0);
    expect([client.ended, outcomes]).toEqual([ended, [code]]);
    if (endsFirst) expect(client.count).toBe(WORDS.length);
  });

  it('is told alike to what reads the tunnel itself', () => {
    const attempt = openAt(endsFirst);
    const events: unknown[] = [];
    let count = 0;
    const reader: ByteEndpointHandler = {
      onOpen: () => undefined,
      onBytes: (_bytes, _address, start, end) => {
        count += end - start;
      },
      onEnd: () => events.push('end'),
      onRoom: () => undefined,
      onClose: (error) => events.push(error?.code),
    };
    attempt.tunnel?.endpoint(reader);
    bed.loop.until(() => events.length > (endsFirst ? 1 : 0));
    expect([count, events]).toEqual([WORDS.length, endsFirst ? ['end', code] : [code]]);
  });
});
