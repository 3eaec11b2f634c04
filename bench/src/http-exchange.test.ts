import { describe, expect, it } from 'vitest';
import {
  AnswerReader,
  BODY_BYTES,
  RequestCounter,
  asksToClose,
  keptRequest,
  lastRequest,
  responseOf,
} from './http-exchange.ts';

const KEPT = keptRequest(undefined).bytes;
const LAST = lastRequest('a.b.c').bytes;
const body = 'x'.repeat(BODY_BYTES);
const through = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${BODY_BYTES}\r\nserver: w\r\n\r\n${body}`,
);

describe('an answer', () => {
  it('is complete with its last byte, wherever it is cut and whatever fields a proxy has added', () => {
    for (const answer of [responseOf('x').bytes, through]) {
      for (let cut = 12; cut < answer.length; cut += 1) {
        const reader = new AnswerReader();
        expect(reader.take(answer, 0, cut)).toBe('partial');
        expect(reader.take(answer, cut, answer.length)).toBe('complete');
        expect(reader.take(answer, 0, answer.length)).toBe('complete');
      }
    }
  });

  it('tells which server it is of', () => {
    const reader = new AnswerReader();
    for (const fill of ['x', 'y', 'x']) {
      const { bytes } = responseOf(fill);
      expect(reader.take(bytes, 0, bytes.length)).toBe('complete');
      expect(String.fromCharCode(reader.fill)).toBe(fill);
    }
  });

  it('is bad when it is no success or goes on where it should end', () => {
    const refused = Buffer.from('HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n');
    expect(new AnswerReader().take(refused, 0, refused.length)).toBe('bad');
    const chunked = Buffer.from(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n400\r\n${body}\r\n0\r\n\r\n`);
    expect(new AnswerReader().take(chunked, 0, chunked.length)).toBe('bad');
  });
});

describe('requests', () => {
  it('are counted once each, wherever their bytes are cut', () => {
    const two = Buffer.concat([KEPT, KEPT]);
    for (let cut = 1; cut < two.length; cut += 1) {
      const counter = new RequestCounter();
      expect(counter.count(two, 0, cut) + counter.count(two, cut, two.length)).toBe(2);
    }
  });

  it('ask for the end of the connection by their last field alone', () => {
    expect(asksToClose(LAST, LAST.length)).toBe(true);
    expect(asksToClose(KEPT, KEPT.length)).toBe(false);
    const proxied = Buffer.from('GET / HTTP/1.1\r\nhost: a\r\nx-request-id: 0-0e\r\n\r\n');
    expect(asksToClose(proxied, proxied.length)).toBe(false);
    const lower = Buffer.from('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    expect(asksToClose(lower, lower.length)).toBe(true);
  });
});
