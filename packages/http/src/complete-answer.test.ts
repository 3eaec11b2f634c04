import { describe, expect, it } from 'vitest';
import type { ClientConnectionHandler } from './exchange.ts';
import { Http1ClientConnection } from './h1/client-connection.ts';
import { Http2ClientConnection } from './h2/exchange-client.ts';
import { ErrorCode, Flag, FrameType } from './h2/frames.ts';
import { MemorySink, rawFrame } from './h2/test-peer.ts';
import { Recorder } from './test-network.ts';

const POST = [':method', 'POST', ':scheme', 'http', ':authority', 'a', ':path', '/'];

const handler: ClientConnectionHandler = {
  onAvailable: () => undefined,
  onRetired: () => undefined,
  onPauseReading: () => undefined,
  onResumeReading: () => undefined,
  onOutputEnd: () => undefined,
  onEnd: () => undefined,
};

/** The answer is held, as for a client that reads slowly, and the question is not complete. */
function ask(connection: Http1ClientConnection | Http2ClientConnection): Recorder {
  const recorder = new Recorder();
  recorder.holds = true;
  connection.start();
  recorder.exchange = connection.request(POST, false, recorder);
  return recorder;
}

describe('an answer that is complete before its question is not taken back', () => {
  const head = rawFrame(FrameType.headers, Flag.endHeaders, 1, Buffer.from([0x88]));
  const settings = rawFrame(FrameType.settings, 0, 0);
  const reset = (code: number): Buffer => rawFrame(FrameType.resetStream, 0, 1, Buffer.from([0, 0, 0, code]));
  const data = (flags: number): Buffer => rawFrame(FrameType.data, flags, 1, Buffer.from('no'));

  function askHttp2(...frames: Buffer[]): { recorder: Recorder; connection: Http2ClientConnection } {
    const connection = new Http2ClientConnection(new MemorySink(), handler, { now: 0 });
    const recorder = ask(connection);
    for (const bytes of [settings, head, ...frames]) connection.receive(bytes, 0, bytes.length);
    return { recorder, connection };
  }

  it.each([ErrorCode.noError, ErrorCode.cancel])('by a reset of its stream with code %i', (code) => {
    const { recorder } = askHttp2(data(Flag.endStream), reset(code));
    expect([recorder.content, recorder.complete, recorder.reset]).toEqual(['no', true, undefined]);
    const cut = askHttp2(data(0), reset(code)).recorder;
    expect([cut.complete, cut.reset?.cause]).toEqual([false, 'peer']);
  });

  it('by the end of an HTTP/2 connection', () => {
    const { recorder, connection } = askHttp2(data(Flag.endStream));
    connection.abort(undefined);
    expect([recorder.complete, recorder.reset]).toEqual([true, undefined]);
    const cut = askHttp2(data(0));
    cut.connection.abort(undefined);
    expect(cut.recorder.reset?.cause).toBe('connection');
  });

  it('by the end of an HTTP/1 connection, as behind an early refusal', () => {
    for (const [text, complete] of [
      ['HTTP/1.1 413 \r\ncontent-length: 2\r\nconnection: close\r\n\r\nno', true],
      ['HTTP/1.1 413 \r\ncontent-length: 3\r\nconnection: close\r\n\r\nno', false],
    ] as const) {
      const connection = new Http1ClientConnection(new MemorySink(), handler);
      const recorder = ask(connection);
      const bytes = Buffer.from(text, 'latin1');
      connection.receive(bytes, 0, bytes.length);
      connection.receiveEnd();
      connection.abort(undefined);
      expect([recorder.content, recorder.complete, recorder.reset?.cause]).toEqual([
        'no',
        complete,
        complete ? undefined : 'connection',
      ]);
    }
  });
});
