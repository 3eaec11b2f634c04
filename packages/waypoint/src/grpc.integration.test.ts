import { ErrorCode } from '@ambit/http/h2/frames';
import { describe, expect, it } from 'vitest';
import { type Answer, application, Client, respond, type Seen } from './test-application.ts';
import { start } from './test-start.ts';
import type { TestWaypoint } from './test-waypoint.ts';

const CALL = { ':method': 'POST', ':path': '/cart.Cart/Do', 'content-type': 'application/grpc', te: 'trailers' };
const HEAD = [':status', '200', 'content-type', 'application/grpc'];

/** A message as gRPC frames it. */
function message(text: string): string {
  const length = Buffer.alloc(5);
  length.writeUInt32BE(Buffer.byteLength(text, 'latin1'), 1);
  return length.toString('latin1') + text;
}

function say({ exchange }: Pick<Seen, 'exchange'>, text: string): void {
  const bytes = Buffer.from(message(text), 'latin1');
  expect(exchange.sendData(bytes, 0, bytes.length, false)).toBe(bytes.length);
}

/** A waypoint in front of an application that does with each call what `serve` says when its head has come. */
function serving(serve: (seen: Seen) => void, onComplete: (seen: Seen) => void = () => undefined): TestWaypoint {
  return start({ protocol: 'http2', endpoints: { 'cart-1': application('HTTP/2', { onRequest: serve, onComplete }) } });
}

function settled(bed: TestWaypoint, answer: Answer): Answer {
  bed.loop.until(() => answer.settled);
  return answer;
}

describe('a call of gRPC', () => {
  it.each([
    ['one message and one answer', ['ask'], ['answer']],
    ['many messages and one answer', ['a', 'b', 'c'], ['answer']],
    ['one message and many answers', ['ask'], ['1', '2', '3']],
    ['many of both', ['a', 'b'], ['1', '2']],
    ['no message at all', [], []],
  ])('of %s has all of them in order, and its status behind them', (_, asked, answers) => {
    const seen: Seen[] = [];
    const bed = serving(
      (one) => seen.push(one),
      (one) => {
        one.exchange.respond(HEAD, false);
        for (const text of answers) say(one, text);
        one.exchange.sendTrailers(['grpc-status', '0', 'x-sum-bin', 'AAEC']);
      },
    );
    const answer = new Client(bed, 'HTTP/2').send(CALL, asked.map(message).join(''));
    settled(bed, answer);
    expect([answer.status, answer.body]).toEqual([200, answers.map(message).join('')]);
    expect(answer.trailers).toEqual(['grpc-status', '0', 'x-sum-bin', 'AAEC']);
    expect(seen.map(({ body }) => body)).toEqual([asked.map(message).join('')]);
  });

  it('that goes both ways is heard message by message, neither side waiting for the other to end', () => {
    const seen: Seen[] = [];
    const bed = serving((one) => {
      seen.push(one);
      one.exchange.respond(HEAD, false);
      say(one, 'welcome');
    });
    const answer = new Client(bed, 'HTTP/2').send(CALL, undefined, true);
    bed.loop.until(() => answer.body === message('welcome'));
    const [one] = seen;
    if (one === undefined) throw new Error('no call');
    let heard = '';
    for (const text of ['a', 'b', 'c']) {
      const bytes = Buffer.from(message(text), 'latin1');
      answer.exchange?.sendData(bytes, 0, bytes.length, false);
      heard += message(text);
      bed.loop.until(() => one.body === heard);
      say(one, `heard ${text}`);
      bed.loop.until(() => answer.body.endsWith(message(`heard ${text}`)));
    }
    answer.exchange?.sendData(Buffer.alloc(0), 0, 0, true);
    bed.loop.until(() => one.complete);
    one.exchange.sendTrailers(['grpc-status', '0']);
    expect(settled(bed, answer).trailers).toEqual(['grpc-status', '0']);
  });

  it.each([
    [
      'in trailers alone',
      (one: Seen) => one.exchange.respond([...HEAD, 'grpc-status', '5', 'grpc-message', 'n%C3%B6'], true),
    ],
    [
      'behind a message',
      (one: Seen) => {
        one.exchange.respond(HEAD, false);
        say(one, 'half');
        one.exchange.sendTrailers(['grpc-status', '5', 'grpc-message', 'n%C3%B6', 'grpc-status-details-bin', 'CAUS']);
      },
    ],
  ])('that fails has the status of the server, %s', (_, fail) => {
    const bed = serving(() => undefined, fail);
    const answer = settled(bed, new Client(bed, 'HTTP/2').send(CALL, message('ask')));
    const where = answer.trailers ?? answer.head ?? [];
    expect(where[where.indexOf('grpc-status') + 1]).toBe('5');
    expect(where[where.indexOf('grpc-message') + 1]).toBe('n%C3%B6');
    expect([answer.status, answer.reset]).toEqual([200, undefined]);
  });

  it.each([ErrorCode.cancel, ErrorCode.internalError, ErrorCode.refusedStream, ErrorCode.enhanceYourCalm])(
    'that the server resets with code %i before it answers is UNAVAILABLE, and no call beside it is',
    (code) => {
      const bed = serving(
        (one) => {
          if (one.fields.includes('reset')) one.exchange.reset(code);
        },
        (one) => {
          if (!one.fields.includes('reset')) respond(one, 200, '', ['content-type', 'application/grpc']);
        },
      );
      const client = new Client(bed, 'HTTP/2');
      const bad = client.send({ ...CALL, 'x-do': 'reset' }, message('ask'));
      const good = client.send(CALL, message('ask'));
      settled(bed, good);
      settled(bed, bad);
      expect([bad.status, bad.field('grpc-status'), bad.field('content-type')]).toEqual([
        200,
        '14',
        'application/grpc',
      ]);
      expect([good.status, good.reset]).toEqual([200, undefined]);
      expect(bed.lines().join('\n')).toContain(' UR ');
    },
  );

  it('that the server resets after a message is broken for the client too, and has no status', () => {
    const bed = serving((one) => {
      one.exchange.respond(HEAD, false);
      say(one, 'half');
      one.exchange.reset(ErrorCode.internalError);
    });
    const answer = settled(bed, new Client(bed, 'HTTP/2').send(CALL, undefined, true));
    expect([answer.reset !== undefined, answer.complete, answer.trailers]).toEqual([true, false, undefined]);
  });

  it('that the client gives up is given up at the server', () => {
    const seen: Seen[] = [];
    const bed = serving((one) => {
      seen.push(one);
      one.exchange.respond(HEAD, false);
    });
    const answer = new Client(bed, 'HTTP/2').send(CALL, undefined, true);
    bed.loop.until(() => answer.status === 200);
    answer.exchange?.reset(ErrorCode.cancel);
    bed.loop.until(() => seen[0]?.reset !== undefined);
    expect(bed.lines().join('\n')).toContain(' DC ');
  });

  it('takes messages of 8 MiB, both ways', () => {
    const SIZE = 8 << 20;
    const bytes = Buffer.alloc(65_536, 'm');
    let left = SIZE;
    const bed = serving(
      () => undefined,
      (one) => {
        one.exchange.respond(HEAD, false);
        const go = (): void => {
          while (left > 0) {
            const taken = one.exchange.sendData(bytes, 0, Math.min(left, bytes.length), false);
            left -= taken;
            if (taken === 0) return;
          }
          one.exchange.sendTrailers(['grpc-status', '0', 'x-received', String(one.bytes)]);
        };
        if (one.exchange.receiver !== undefined) one.exchange.receiver.onWritable = go;
        go();
      },
    );
    const answer = new Client(bed, 'HTTP/2').send(CALL, undefined, true);
    let unsent = SIZE;
    bed.loop.until(() => {
      if (unsent > 0)
        unsent -= answer.exchange?.sendData(bytes, 0, Math.min(unsent, bytes.length), unsent <= bytes.length) ?? 0;
      return answer.settled;
    });
    expect([answer.bytes, answer.trailers]).toEqual([SIZE, ['grpc-status', '0', 'x-received', String(SIZE)]]);
  });
});
