import { describe, expect, it } from 'vitest';
import type { ServerExchange } from '../exchange.ts';
import { type FieldList, fieldValue } from '../h2/message-fields.ts';
import { MemorySink } from '../h2/test-peer.ts';
import { Recorder } from '../test-network.ts';
import { UnwritableError } from '../unwritable.ts';
import { Http1ClientConnection } from './client-connection.ts';
import { Http1ServerConnection } from './server-connection.ts';

const ask = (fields: string, method = 'GET', version = '1.1') =>
  `${method} / HTTP/${version}\r\nHost: a\r\n${fields}\r\n`;
const REQUEST = [':method', 'GET', ':scheme', 'http', ':authority', 'a', ':path', '/'];

/** A server whose requests are noted. */
function serve(): {
  readonly send: (text: string) => void;
  readonly sink: MemorySink;
  readonly log: string[];
  readonly seen: { exchange: ServerExchange; fields: FieldList; endStream: boolean; recorder: Recorder }[];
  readonly connection: Http1ServerConnection;
} {
  const sink = new MemorySink();
  const log: string[] = [];
  const seen: { exchange: ServerExchange; fields: FieldList; endStream: boolean; recorder: Recorder }[] = [];
  const connection: Http1ServerConnection = new Http1ServerConnection(sink, {
    onRequest: (exchange, fields, endStream) => {
      const recorder = new Recorder();
      recorder.exchange = exchange;
      exchange.receiver = recorder;
      seen.push({ exchange, fields, endStream, recorder });
    },
    onRefused: (status, reason) => log.push(`refused ${status} ${reason}`),
    onPauseReading: () => log.push('pause'),
    onResumeReading: () => log.push('resume'),
    onOutputEnd: () => log.push('output ends'),
    onPipelined: () => log.push('pipelined'),
    onEnd: (error, cut) => log.push(`end${error === undefined ? '' : ` ${error.code}`}${cut ? ' cut' : ''}`),
  });
  const send = (text: string): void => {
    const bytes = Buffer.from(text, 'latin1');
    connection.receive(bytes, 0, bytes.length);
  };
  return { send, sink, log, seen, connection };
}

describe('a request asks for', () => {
  it.each<[string, string, string | undefined]>([
    ['a protocol', ask('Connection: Upgrade\r\nUpgrade: websocket\r\n'), 'websocket'],
    ['one in other letters', ask('connection: UPGRADE\r\nupgrade: WebSocket\r\n'), 'WebSocket'],
    ['one of a version', ask('Connection: upgrade\r\nUpgrade: IRC/6.9\r\n'), 'IRC/6.9'],
    ['several in one field', ask('Connection: upgrade\r\nUpgrade: a, h2c,b/1 ,\r\n'), 'a, b/1'],
    ['several in several fields', ask('Upgrade: a\r\nConnection: upgrade\r\nUpgrade: b\r\n'), 'a, b'],
    ['one with an empty body', ask('Connection: upgrade\r\nUpgrade: a\r\nContent-Length: 0\r\n', 'POST'), 'a'],
    ['nothing without Connection', ask('Upgrade: websocket\r\n'), undefined],
    ['nothing without Upgrade', ask('Connection: upgrade\r\n'), undefined],
    ['nothing by HTTP/1.0', ask('Connection: upgrade\r\nUpgrade: websocket\r\n', 'GET', '1.0'), undefined],
    ['nothing with content', ask('Connection: upgrade\r\nUpgrade: a\r\nContent-Length: 5\r\n', 'POST'), undefined],
    ['nothing with chunks', ask('Connection: upgrade\r\nUpgrade: a\r\nTransfer-Encoding: chunked\r\n'), undefined],
    ['nothing by HTTP/2', ask('Connection: upgrade\r\nUpgrade: h2c\r\n'), undefined],
    ['nothing by HTTP/2 in capitals', ask('Connection: upgrade\r\nUpgrade: H2C, HTTP/2.0\r\n'), undefined],
    ['nothing by TLS', ask('Connection: upgrade\r\nUpgrade: TLS/1.0\r\n'), undefined],
    ['nothing that is no protocol', ask('Connection: upgrade\r\nUpgrade: a b, /1, c/, d/1/2\r\n'), undefined],
  ])('%s', (_, text, expected) => {
    for (const cut of [text.length, 1]) {
      const { send, seen } = serve();
      for (let at = 0; at < text.length; at += cut) send(text.slice(at, at + cut));
      const request = seen[0];
      expect(request?.exchange.upgrade).toBe(expected);
      expect(fieldValue(request?.fields ?? [], 'upgrade')).toBe(expected);
      if (expected !== undefined) expect(request?.endStream).toBe(false);
    }
  });
});

describe('a server that switches', () => {
  const WEBSOCKET = ask('Connection: upgrade\r\nUpgrade: websocket\r\n');

  it.each([1, 1000])('says so, and both sides speak and end for themselves, %i octets at a time', (cut) => {
    const { send, sink, seen, log, connection } = serve();
    const text = `${WEBSOCKET}GET / HTTP/1.1\r\n\r\n`;
    send(WEBSOCKET);
    seen[0]?.exchange.respond([':status', '101', 'upgrade', 'websocket'], false);
    for (let at = WEBSOCKET.length; at < text.length; at += cut) send(text.slice(at, at + cut));
    expect(seen).toHaveLength(1);
    expect(seen[0]?.recorder.content).toBe('GET / HTTP/1.1\r\n\r\n');
    seen[0]?.exchange.sendData(Buffer.from('hello'), 0, 5, true);
    expect(sink.take().toString('latin1')).toBe(
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\nhello',
    );
    expect(log).toEqual(['output ends']);
    send('more');
    connection.receiveEnd();
    expect(seen[0]?.recorder.content).toBe('GET / HTTP/1.1\r\n\r\nmore');
    expect(seen[0]?.recorder.events).toEqual(['end']);
    expect(log).toEqual(['output ends', 'end']);
  });

  it('reads what came ahead when it is told to proceed', () => {
    const { send, seen, log, connection } = serve();
    send(`${WEBSOCKET}early`);
    connection.receiveEnd();
    expect([seen[0]?.recorder.content, log]).toEqual(['', ['pause']]);
    seen[0]?.exchange.respond([':status', '101', 'upgrade', 'websocket'], false);
    expect(log).toEqual(['pause', 'pipelined']);
    connection.proceed();
    expect([seen[0]?.recorder.content, seen[0]?.recorder.events]).toEqual(['early', ['end']]);
    seen[0]?.exchange.endStream();
    expect(log.at(-1)).toBe('end');
  });

  it('cuts the connection when it gives up', () => {
    const { send, seen, log } = serve();
    send(WEBSOCKET);
    seen[0]?.exchange.respond([':status', '101', 'upgrade', 'websocket'], false);
    seen[0]?.exchange.reset(8);
    expect(log).toEqual(['end cut']);
  });

  it('may as well answer, and takes the next request', () => {
    const { send, seen, sink, connection } = serve();
    send(`${WEBSOCKET}${WEBSOCKET}`);
    seen[0]?.exchange.respond([':status', '204'], true);
    expect(seen[0]?.exchange.closed).toBe(true);
    connection.proceed();
    expect(seen).toHaveLength(2);
    expect(sink.take().toString('latin1')).toBe('HTTP/1.1 204 No Content\r\n\r\n');
  });

  it.each<[string, FieldList]>([
    ['without a protocol', [':status', '101']],
    ['to HTTP/2', [':status', '101', 'upgrade', 'h2c']],
    ['with a length', [':status', '101', 'upgrade', 'websocket', 'content-length', '0']],
  ])('cannot do so %s', (_, fields) => {
    const { send, seen, sink } = serve();
    send(WEBSOCKET);
    expect(() => seen[0]?.exchange.respond(fields, false)).toThrow(UnwritableError);
    expect(sink.end).toBe(0);
  });

  it('cannot do so when nobody asked', () => {
    const { send, seen } = serve();
    send(ask(''));
    expect(() => seen[0]?.exchange.respond([':status', '101', 'upgrade', 'websocket'], false)).toThrow(UnwritableError);
  });
});

describe('a client that asks for another protocol', () => {
  function request(fields: FieldList = ['upgrade', 'websocket']): {
    readonly connection: Http1ClientConnection;
    readonly recorder: Recorder;
    readonly sink: MemorySink;
    readonly log: string[];
    readonly receive: (text: string, cut?: number) => void;
  } {
    const sink = new MemorySink();
    const log: string[] = [];
    const connection = new Http1ClientConnection(sink, {
      onAvailable: () => log.push('available'),
      onRetired: () => log.push('retired'),
      onPauseReading: () => log.push('pause'),
      onResumeReading: () => log.push('resume'),
      onOutputEnd: () => log.push('output ends'),
      onEnd: (error, cut) => log.push(`end${error === undefined ? '' : ` ${error.code}`}${cut ? ' cut' : ''}`),
    });
    const recorder = new Recorder();
    recorder.exchange = connection.request([...REQUEST, ...fields], false, recorder);
    const receive = (text: string, cut = text.length): void => {
      for (let at = 0; at < text.length; at += cut) {
        const bytes = Buffer.from(text.slice(at, at + cut), 'latin1');
        connection.receive(bytes, 0, bytes.length);
      }
    };
    return { connection, recorder, sink, log, receive };
  }
  const SWITCH = 'HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n';

  it.each([1, 1000])('has all that follows the answer, %i octets at a time, and says nothing before it', (cut) => {
    const { recorder, sink, log, receive, connection } = request();
    let told = 0;
    recorder.writable = () => {
      told += 1;
    };
    expect(recorder.exchange?.sendData(Buffer.from('early'), 0, 5, false)).toBe(0);
    expect(recorder.exchange?.reserveData(5)).toBe(0);
    expect(sink.take().toString('latin1')).toBe(
      'GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n',
    );
    receive(`${SWITCH}Content-Length: 0\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\n\r\n`, cut);
    expect(recorder.fields).toEqual([':status', '101', 'x', 'y', 'upgrade', 'websocket']);
    expect([recorder.content, told]).toEqual(['HTTP/1.1 200 OK\r\n\r\n', 1]);
    expect(recorder.exchange?.sendData(Buffer.from('hello'), 0, 5, true)).toBe(5);
    expect(sink.take().toString('latin1')).toBe('hello');
    expect(log).toEqual(['retired', 'output ends']);
    connection.receiveEnd();
    expect([recorder.events, log]).toEqual([
      ['response 101', 'end'],
      ['retired', 'output ends', 'end'],
    ]);
  });

  it('has a request without content when it gets another answer', () => {
    const { recorder, sink, log, receive, connection } = request();
    sink.take();
    receive('HTTP/1.1 426 X\r\nUpgrade: other\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nno');
    expect([recorder.fields, recorder.content]).toEqual([[':status', '426', 'content-length', '2'], 'no']);
    expect([sink.end, log, connection.available]).toEqual([0, ['available'], 1]);
  });

  it.each([
    ['another protocol', 'HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n'],
    ['one more protocol', 'HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket, other\r\n\r\n'],
    ['none', 'HTTP/1.1 101 X\r\n\r\n'],
    ['one that Connection does not name', 'HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n'],
    ['content', `${SWITCH}Content-Length: 5\r\n\r\nhello`],
    ['chunks', `${SWITCH}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ])('does not take %s', (_, text) => {
    const { recorder, log, receive } = request();
    receive(text);
    expect([recorder.reset?.cause, log.at(-1)]).toEqual(['malformed', 'end AMBIT_HTTP1_MALFORMED cut']);
  });

  it.each(['h2c', 'websocket, h2c', 'a b', ''])('cannot ask for %j', (protocols) => {
    expect(() => request(['upgrade', protocols])).toThrow(UnwritableError);
  });
});
