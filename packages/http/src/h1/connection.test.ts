import { describe, expect, it } from 'vitest';
import type { ClientExchange, ServerExchange } from '../exchange.ts';
import { ErrorCode } from '../h2/frames.ts';
import type { FieldList } from '../h2/message-fields.ts';
import { MemorySink } from '../h2/test-peer.ts';
import { H1_UNRELEASED_BYTES } from '../limits.ts';
import { Recorder } from '../test-network.ts';
import { UnwritableError } from '../unwritable.ts';
import { Http1ClientConnection } from './client-connection.ts';
import { Http1Error } from './errors.ts';
import { Http1ServerConnection } from './server-connection.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const OK = [':status', '200'];
const REQUEST = [':method', 'GET', ':scheme', 'http', ':authority', 'a', ':path', '/'];

/** A server whose calls are noted and answered by hand. */
class Server {
  readonly sink: MemorySink = new MemorySink();
  readonly log: string[] = [];
  readonly exchanges: ServerExchange[] = [];
  readonly recorders: Recorder[] = [];
  fields: FieldList = [];
  onRequest: (exchange: ServerExchange) => void = () => undefined;
  readonly connection: Http1ServerConnection = new Http1ServerConnection(this.sink, {
    onRequest: (exchange, fields, endStream) => {
      const recorder = new Recorder();
      recorder.exchange = exchange;
      exchange.receiver = recorder;
      this.fields = fields;
      this.recorders.push(recorder);
      this.exchanges.push(exchange);
      this.log.push(`request ${fields[fields.indexOf(':path') + 1] ?? ''}${endStream ? '' : ' with content'}`);
      this.onRequest(exchange);
    },
    onRefused: (status, reason) => this.log.push(`refused ${status} ${reason}`),
    onPauseReading: () => this.log.push('pause'),
    onResumeReading: () => this.log.push('resume'),
    onOutputEnd: () => this.log.push('output ends'),
    onPipelined: () => this.log.push('pipelined'),
    onEnd: (error, cut) =>
      this.log.push(
        `end${error instanceof Http1Error ? ` ${error.reason}` : error === undefined ? '' : ` ${error.code}`}${cut ? ' cut' : ''}`,
      ),
  });

  send(text: string): void {
    const bytes = Buffer.from(text, 'latin1');
    this.connection.receive(bytes, 0, bytes.length);
  }

  get sent(): string {
    return this.sink.take().toString('latin1');
  }
}

/** A client, its log and one request. */
class Client {
  readonly sink: MemorySink = new MemorySink();
  readonly log: string[] = [];
  readonly recorder: Recorder = new Recorder();
  readonly connection: Http1ClientConnection = new Http1ClientConnection(this.sink, {
    onAvailable: () => this.log.push('available'),
    onRetired: () => this.log.push('retired'),
    onPauseReading: () => this.log.push('pause'),
    onResumeReading: () => this.log.push('resume'),
    onOutputEnd: () => this.log.push('output ends'),
    onEnd: (error, cut) =>
      this.log.push(
        `end${error instanceof Http1Error ? ` ${error.reason}` : error === undefined ? '' : ` ${error.code}`}${cut ? ' cut' : ''}`,
      ),
  });

  request(fields: FieldList = REQUEST, endStream = true): ClientExchange {
    const exchange = this.connection.request(fields, endStream, this.recorder);
    if (exchange === undefined) throw new Error('no request can be sent');
    this.recorder.exchange = exchange;
    return exchange;
  }

  receive(text: string): void {
    const bytes = Buffer.from(text, 'latin1');
    this.connection.receive(bytes, 0, bytes.length);
  }
}

describe('a server', () => {
  it('reads a pipelined request when the answer to the former is complete', () => {
    const server = new Server();
    server.send(`${GET}GET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHo`);
    expect(server.log).toEqual(['request /', 'pause']);
    server.exchanges[0]?.respond([':status', '204'], true);
    expect(server.log.slice(2)).toEqual(['pipelined']);
    server.connection.proceed();
    server.connection.proceed();
    expect(server.log.slice(3)).toEqual(['request /2']);
    server.exchanges[1]?.respond([':status', '204'], true);
    server.connection.proceed();
    expect(server.log.slice(4)).toEqual(['pipelined', 'resume']);
    expect(server.connection.inHead).toBe(true);
    server.send('st: a\r\n\r\n');
    expect(server.log.slice(6)).toEqual(['request /3']);
  });

  it('bounds what a client sends ahead', () => {
    const server = new Server();
    server.send(GET);
    for (let count = 0; count < 5; count++) server.send('x'.repeat(100_000));
    expect(server.log.slice(-2)).toEqual(['refused 400 pipelined-too-much', 'end pipelined-too-much']);
  });

  it('pauses reading while content waits, and goes on when half of it has left', () => {
    const server = new Server();
    server.onRequest = () => {
      const recorder = server.recorders[0];
      if (recorder !== undefined) recorder.holds = true;
    };
    server.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n');
    for (let count = 0; count < 4; count++) server.send('x'.repeat(100_000));
    expect(server.log).toEqual(['request / with content', 'pause']);
    server.exchanges[0]?.release(400_000 - H1_UNRELEASED_BYTES / 2 - 1);
    expect(server.log).toHaveLength(2);
    server.exchanges[0]?.release(1);
    expect(server.log.at(-1)).toBe('resume');
  });

  it.each([
    ['HTTP/1.1', '', OK, 'transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n', false],
    [
      'HTTP/1.1',
      'Connection: close\r\n',
      OK,
      'transfer-encoding: chunked\r\nconnection: close\r\n\r\n2\r\nok\r\n0\r\n\r\n',
      true,
    ],
    ['HTTP/1.0', '', OK, 'connection: close\r\n\r\nok', true],
    ['HTTP/1.0', 'Connection: keep-alive\r\n', OK, 'connection: close\r\n\r\nok', true],
    [
      'HTTP/1.0',
      'Connection: keep-alive\r\n',
      [...OK, 'content-length', '2'],
      'content-length: 2\r\nconnection: keep-alive\r\n\r\nok',
      false,
    ],
  ] as const)('frames its answer to %s with "%s"', (version, field, fields, answer, ends) => {
    const server = new Server();
    server.send(`GET / ${version}\r\nHost: a\r\n${field}\r\n`);
    server.exchanges[0]?.respond(fields, false);
    server.exchanges[0]?.sendData(Buffer.from('ok'), 0, 2, true);
    expect(server.sent).toBe(`HTTP/1.1 200 OK\r\n${answer}`);
    expect(server.log.at(-1) === 'end').toBe(ends);
  });

  it('closes when a client that waits for 100 gets a final answer, and not when it got 100', () => {
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n';
    const impatient = new Server();
    impatient.send(head);
    expect(impatient.exchanges[0]?.expectsContinue).toBe(true);
    impatient.exchanges[0]?.respond([':status', '403'], true);
    expect(impatient.sent).toContain('connection: close');
    impatient.exchanges[0]?.reset(ErrorCode.noError);
    expect(impatient.log.at(-1)).toBe('end');
    const patient = new Server();
    patient.send(head);
    patient.exchanges[0]?.inform([':status', '100']);
    patient.send('ab');
    patient.exchanges[0]?.respond([':status', '204'], true);
    expect(patient.sent).toBe('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n');
    expect(patient.log).toEqual(['request / with content']);
  });

  it('skips the rest of a request that was answered, up to a limit', () => {
    const server = new Server();
    server.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n');
    server.exchanges[0]?.respond([':status', '413'], true);
    server.exchanges[0]?.reset(ErrorCode.noError);
    server.send(`${'x'.repeat(1000)}${GET}`);
    expect(server.log).toEqual(['request / with content', 'request /']);
    const long = new Server();
    long.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n');
    long.exchanges[0]?.respond([':status', '413'], true);
    long.exchanges[0]?.reset(ErrorCode.noError);
    long.send('x'.repeat(100_000));
    expect(long.log.at(-1)).toBe('end');
  });

  it('answers what it refuses, and cuts an answer that has begun', () => {
    const server = new Server();
    server.send('GET / HTTP/3.0\r\n');
    expect(server.sent).toBe(
      'HTTP/1.1 505 HTTP Version Not Supported\r\nx-ambit-reason: AMBIT_HTTP1_MALFORMED\r\ncontent-length: 0\r\nconnection: close\r\n\r\n',
    );
    expect(server.log).toEqual(['refused 505 version', 'end version']);
    for (const begun of [false, true]) {
      const late = new Server();
      late.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
      if (begun) late.exchanges[0]?.respond(OK, false);
      late.send('x\r\n');
      expect(late.recorders[0]?.reset?.cause).toBe('malformed');
      expect(late.log.slice(1)).toEqual(begun ? ['end chunk-size cut'] : ['refused 400 chunk-size', 'end chunk-size']);
    }
  });

  it('does not wait for ever for the rest of a request that is answered', () => {
    const server = new Server();
    server.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc');
    expect(server.connection.inHead).toBe(false);
    server.exchanges[0]?.respond([':status', '413'], true);
    server.exchanges[0]?.reset(ErrorCode.noError);
    expect([server.log, server.connection.inHead]).toEqual([['request / with content'], true]);
    server.connection.timeOutHead();
    expect(server.log).toEqual(['request / with content', 'end']);
    expect(server.sent).not.toContain('408');
  });

  it('times out heads, drains, and ends with its peer', () => {
    const slow = new Server();
    slow.send('GET / HT');
    slow.connection.timeOutHead();
    expect(slow.sent).toContain('408 Request Timeout');
    const idle = new Server();
    idle.connection.drain();
    expect(idle.log).toEqual(['end']);
    const busy = new Server();
    busy.send(GET);
    busy.connection.drain();
    busy.exchanges[0]?.respond([':status', '204'], true);
    expect(busy.sent).toContain('connection: close');
    expect(busy.log.at(-1)).toBe('end');
    const told = new Server();
    told.connection.drain(true);
    expect(told.log).toEqual([]);
    told.send(GET);
    told.exchanges[0]?.respond([':status', '204'], true);
    expect(told.log).toEqual(['request /', 'end']);
    const half = new Server();
    half.send(GET);
    half.connection.receiveEnd();
    half.exchanges[0]?.respond([':status', '204'], true);
    expect(half.log).toEqual(['request /', 'end']);
    const broken = new Server();
    broken.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc');
    broken.connection.receiveEnd();
    expect(broken.recorders[0]?.reset?.cause).toBe('connection');
    expect(broken.log.at(-1)).toBe('end AMBIT_HTTP1_CONNECTION cut');
  });

  it('leaves out what holds for one connection, and what Connection names', () => {
    const server = new Server();
    server.send(
      'GET / HTTP/1.1\r\nhost: a\r\nConnection: keep-alive, X-Mine, TE\r\nKeep-Alive: timeout=5\r\nX-Mine: 1\r\nTE: gzip, trailers\r\nUpgrade: websocket\r\nX-Other: 2\r\n\r\n',
    );
    expect(server.fields).toEqual([
      ':method',
      'GET',
      ':scheme',
      'http',
      ':authority',
      'a',
      ':path',
      '/',
      'x-other',
      '2',
      'te',
      'trailers',
    ]);
  });
});

describe('a client', () => {
  it.each([
    ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 'ok', ['available']],
    ['HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok', 'ok', ['available']],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n', 'ok', ['available']],
    ['HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok', 'ok', ['retired', 'end']],
    ['HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', 'ok', ['retired', 'end']],
    ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n', '', ['available']],
    ['HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n', '', ['available']],
    ['HTTP/1.1 200 OK\r\n\r\nuntil the end', 'until the end', ['retired']],
  ])('reads %j', (answer, content, log) => {
    for (let size = 1; size <= answer.length; size++) {
      const client = new Client();
      client.request();
      for (let at = 0; at < answer.length; at += size) client.receive(answer.slice(at, at + size));
      expect(client.log).toEqual(log);
      expect(client.recorder.content).toBe(content);
      if (client.recorder.complete) continue;
      client.connection.receiveEnd();
      expect(client.log).toEqual([...log, 'end']);
      expect(client.recorder.complete).toBe(true);
    }
  });

  it.each([
    ['HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n', 'bare-lf'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok', 'content-length-twice'],
    [
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n',
      'content-length-with-transfer-encoding',
    ],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n', 'transfer-encoding'],
    ['HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', 'transfer-encoding-in-http-1.0'],
    ['HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok', 'unwanted-content'],
    ['HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n', 'unwanted-content'],
    ['HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n', 'switching-protocols'],
    ['HTTP/1.1 099 Low\r\n\r\n', 'status-line'],
    ['HTTP/1.1 20 OK\r\n\r\n', 'status-line'],
    ['HTTP/1.1 2000 OK\r\n\r\n', 'status-line'],
    ['HTTP/2.0 200 OK\r\n\r\n', 'version'],
    ['ICY 200 OK\r\n\r\n', 'status-line'],
    ['HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n', 'obs-fold'],
    ['HTTP/1.1 200 OK\r\nLocation: a\r\nLocation: b\r\n\r\n', 'field-twice'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n', 'unsolicited-response'],
    ['HTTP/1.1 103 Hint\r\n\r\n'.repeat(20), 'too-many-interim-responses'],
  ] as const)('refuses %j', (answer, reason) => {
    for (const size of [1, 2, 1000]) {
      const client = new Client();
      client.request();
      for (let at = 0; at < answer.length; at += size) client.receive(answer.slice(at, at + size));
      expect(client.log.at(-1)).toBe(`end ${reason} cut`);
      expect(client.connection.available).toBe(0);
    }
  });

  it('does not take what nobody asked for, and ends in order when its peer does', () => {
    const poisoned = new Client();
    poisoned.receive('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    expect(poisoned.log).toEqual(['end unsolicited-response cut']);
    const idle = new Client();
    idle.connection.receiveEnd();
    expect(idle.log).toEqual(['end']);
    const cut = new Client();
    cut.request();
    cut.receive('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc');
    cut.connection.receiveEnd();
    expect(cut.recorder.reset).toMatchObject({ cause: 'connection', unprocessed: false });
    expect(cut.recorder.complete).toBe(false);
  });

  it('does not reuse a connection whose answer came before the end of the request', () => {
    const client = new Client();
    const exchange = client.request([...REQUEST, 'content-length', '5'], false);
    client.receive('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n');
    expect(client.log).toEqual(['retired']);
    exchange.sendData(Buffer.from('hello'), 0, 5, true);
    expect(client.log).toEqual(['retired', 'end']);
  });
});

describe('writers refuse what would read as something else', () => {
  const withField = (name: string, value: string): FieldList => [...REQUEST, name, value];
  const replaced = (name: string, value: string): FieldList =>
    REQUEST.map((text, at) => (REQUEST[at - 1] === name ? value : text));
  it.each([
    ['CRLF in a value', withField('x', 'a\r\nhost: b')],
    ['LF in a value', withField('x', 'a\nb')],
    ['CR in a value', withField('x', 'a\rb')],
    ['NUL in a value', withField('x', 'a\0')],
    ['a character beyond latin1 that ends in CR', withField('x', 'a\u010d\u010a')],
    ['space before a value', withField('x', ' a')],
    ['CRLF in a name', withField('x\r\ny', 'a')],
    ['space in a name', withField('x y', 'a')],
    ['colon in a name', withField('x:y', 'a')],
    ['an empty name', withField('', 'a')],
    ['a pseudo field twice', withField(':path', '/admin')],
    ['a pseudo field behind a field', [...REQUEST, 'x', 'y', ':path', '/admin']],
    ['transfer-encoding', withField('transfer-encoding', 'chunked')],
    ['connection', withField('connection', 'close')],
    ['upgrade', withField('upgrade', 'h2c')],
    ['another host', withField('host', 'b')],
    ['te with codings', withField('te', 'gzip')],
    ['content-length without content', withField('content-length', '5')],
    ['two content-lengths', [...REQUEST, 'content-length', '0', 'content-length', '0']],
    ['content-length with a sign', withField('content-length', '+0')],
    ['space in :path', replaced(':path', '/ HTTP/1.1')],
    ['CRLF in :path', replaced(':path', '/\r\nx: y')],
    ['fragment in :path', replaced(':path', '/#')],
    ['absolute :path', replaced(':path', 'http://b/')],
    ['empty :path', replaced(':path', '')],
    ['* with GET', replaced(':path', '*')],
    ['user information in :authority', replaced(':authority', 'u@a')],
    ['CRLF in :authority', replaced(':authority', 'a\r\nx: y')],
    ['empty :authority', replaced(':authority', '')],
    ['space in :method', replaced(':method', 'GET /admin')],
    ['CONNECT', replaced(':method', 'CONNECT')],
  ])('request: %s', (_name, fields) => {
    const client = new Client();
    expect(() => client.request(fields)).toThrow(UnwritableError);
    expect(client.sink.end).toBe(0);
    // Nothing has happened to the connection.
    client.request();
    expect(client.sink.take().toString()).toBe('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  });

  it.each([
    ['CRLF in a value', [':status', '200', 'set-cookie', 'a\r\n\r\n<html>']],
    ['a bad status', [':status', '2000']],
    ['no status', ['x', 'y']],
    ['an interim status', [':status', '100']],
    ['transfer-encoding', [':status', '200', 'transfer-encoding', 'chunked']],
  ])('response: %s', (_name, fields) => {
    const server = new Server();
    server.send(GET);
    expect(() => server.exchanges[0]?.respond(fields, true)).toThrow(UnwritableError);
    server.exchanges[0]?.respond([':status', '502'], true);
    expect(server.sent).toBe('HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n');
  });

  it('trailers that frame, route or split, which end the exchange', () => {
    for (const trailers of [
      ['content-length', '5'],
      ['host', 'b'],
      ['x', 'a\r\nb'],
    ]) {
      const server = new Server();
      server.send(GET);
      server.exchanges[0]?.respond(OK, false);
      server.exchanges[0]?.sendTrailers(trailers);
      expect(server.recorders[0]?.reset?.cause).toBe('unwritable');
      expect(server.log.at(-1)).toBe('end cut');
      expect(server.sent).not.toContain('\r\n\r\n0\r\n');
    }
  });

  it('content that contradicts its length cuts the connection', () => {
    for (const size of [4, 6]) {
      const client = new Client();
      const exchange = client.request([...REQUEST, 'content-length', '5'], false);
      exchange.sendData(Buffer.alloc(size), 0, size, true);
      expect(client.log).toEqual(['end AMBIT_HTTP_UNWRITABLE cut']);
      expect(client.recorder.reset?.cause).toBe('connection');
    }
  });

  it('joins cookies that came in pieces', () => {
    const client = new Client();
    client.request([...REQUEST, 'cookie', 'a=1', 'x', 'y', 'cookie', 'b=2']);
    expect(client.sink.take().toString()).toBe('GET / HTTP/1.1\r\nhost: a\r\nx: y\r\ncookie: a=1; b=2\r\n\r\n');
  });
});
