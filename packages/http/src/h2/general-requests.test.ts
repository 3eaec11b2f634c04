import { describe, expect, it } from 'vitest';
import type { ServerExchange } from '../exchange.ts';
import { Recorder } from '../test-network.ts';
import { Http2ServerConnection } from './exchange-server.ts';
import { CLIENT_PREFACE, ErrorCode, Flag, FrameType, readUint32 } from './frames.ts';
import type { FieldList } from './message-fields.ts';
import { connectedPair, exchange, framesOf, MemorySink, rawFrame, TestPeer } from './test-peer.ts';

/** A header block of literals that are not judged by any encoder. */
function block(fields: FieldList): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < fields.length; at += 2) {
    parts.push(Buffer.from([0]));
    for (const text of fields.slice(at, at + 2)) parts.push(Buffer.from([text.length]), Buffer.from(text, 'latin1'));
  }
  return Buffer.concat(parts);
}

const GET = [':method', 'GET', ':scheme', 'http', ':authority', 'a', ':path', '/'];
const POST = [':method', 'POST', ':scheme', 'http', ':authority', 'a', ':path', '/'];
const CONNECT = [
  ':method',
  'CONNECT',
  ':protocol',
  'websocket',
  ':scheme',
  'http',
  ':authority',
  'a',
  ':path',
  '/chat',
];
const without = (name: string): FieldList => {
  const at = GET.indexOf(name);
  return [...GET.slice(0, at), ...GET.slice(at + 2)];
};
const replaced = (name: string, value: string): FieldList =>
  GET.map((text, at) => (GET[at - 1] === name ? value : text));

function serve(
  fields: FieldList,
  ...more: Buffer[]
): { requests: FieldList[]; refused: number[]; frames: [number, number][]; recorder: Recorder } {
  const sink = new MemorySink();
  const requests: FieldList[] = [];
  const refused: number[] = [];
  const recorder = new Recorder();
  const connection = new Http2ServerConnection(
    sink,
    {
      onRequest: (request: ServerExchange, list) => {
        requests.push(list);
        recorder.exchange = request;
        request.receiver = recorder;
      },
      onRefused: (status) => refused.push(status),
      onPauseReading: () => undefined,
      onResumeReading: () => undefined,
      onOutputEnd: () => undefined,
      onPipelined: () => undefined,
      onEnd: () => undefined,
    },
    { now: 0 },
  );
  connection.start();
  sink.take();
  const flags = Flag.endHeaders | (more.length === 0 ? Flag.endStream : 0);
  for (const bytes of [
    CLIENT_PREFACE,
    rawFrame(FrameType.settings, 0, 0),
    rawFrame(FrameType.headers, flags, 1, block(fields)),
    ...more,
  ]) {
    connection.receive(bytes, 0, bytes.length);
  }
  const frames = framesOf(sink.take()).filter(
    ({ type }) => type === FrameType.resetStream || type === FrameType.goAway,
  );
  return { requests, refused, recorder, frames: frames.map(({ type, payload }) => [type, readUint32(payload, 0)]) };
}

describe('a malformed request is answered by 400 and never handed on (RFC 9113 8.1.1)', () => {
  it.each([
    ['upper case in a name', [...GET, 'X-Upper', 'a']],
    ['space in a name', [...GET, 'x y', 'a']],
    ['colon in a name', [...GET, 'x:y', 'a']],
    ['empty name', [...GET, '', 'a']],
    ['CRLF in a value', [...GET, 'x', 'a\r\nhost: b']],
    ['LF in a value', [...GET, 'x', 'a\nb']],
    ['NUL in a value', [...GET, 'x', 'a\0']],
    ['space before a value', [...GET, 'x', ' a']],
    ['tab behind a value', [...GET, 'x', 'a\t']],
    ['connection', [...GET, 'connection', 'close']],
    ['keep-alive', [...GET, 'keep-alive', '5']],
    ['proxy-connection', [...GET, 'proxy-connection', 'close']],
    ['transfer-encoding', [...POST, 'transfer-encoding', 'chunked']],
    ['upgrade', [...GET, 'upgrade', 'h2c']],
    ['te with codings', [...GET, 'te', 'gzip']],
    ['no :method', without(':method')],
    ['no :scheme', without(':scheme')],
    ['no :path', without(':path')],
    ['no :authority', without(':authority')],
    ['two :path', [...GET, ':path', '/b']],
    ['pseudo field behind a field', [...without(':path'), 'x', 'y', ':path', '/']],
    ['unknown pseudo field', [':x', 'y', ...GET]],
    ['response pseudo field', [':status', '200', ...GET]],
    [':method with a space', replaced(':method', 'GET /')],
    ['empty :scheme', replaced(':scheme', '')],
    [':scheme with more than a scheme', replaced(':scheme', 'http://b/?')],
    [':scheme with a list', replaced(':scheme', 'https, http')],
    ['empty :path', replaced(':path', '')],
    [':path without a slash', replaced(':path', 'a')],
    [':path with a space', replaced(':path', '/ HTTP/1.1')],
    [':path with a fragment', replaced(':path', '/a#b')],
    [':path * with GET', replaced(':path', '*')],
    [':authority with user information', replaced(':authority', 'u@a')],
    [':authority with a path', replaced(':authority', 'a/b')],
    ['empty :authority', replaced(':authority', '')],
    ['another host', [...GET, 'host', 'b']],
    ['two hosts', [...GET, 'host', 'a', 'host', 'a']],
    ['two content-lengths', [...POST, 'content-length', '0', 'content-length', '0']],
    ['content-length with a sign', [...POST, 'content-length', '+0']],
    [':protocol with GET', [...GET, ':protocol', 'websocket']],
    [':protocol without :path', CONNECT.slice(0, -2)],
    [':protocol without :scheme', [...CONNECT.slice(0, 4), ...CONNECT.slice(6)]],
    [':protocol without :authority', [...CONNECT.slice(0, 6), ...CONNECT.slice(8)]],
    [':protocol twice', [':protocol', 'websocket', ...CONNECT]],
    ['empty :protocol', [...CONNECT.slice(0, 2), ':protocol', '', ...CONNECT.slice(4)]],
    [':protocol with a list', [...CONNECT.slice(0, 2), ':protocol', 'websocket, x', ...CONNECT.slice(4)]],
    [':protocol behind a field', [...CONNECT.slice(0, 2), ...CONNECT.slice(4), 'x', 'y', ':protocol', 'websocket']],
    [':protocol with a content-length', [...CONNECT, 'content-length', '5']],
    [':protocol with an empty content-length', [...CONNECT, 'content-length', '0']],
    [':protocol with a field upgrade', [...CONNECT, 'upgrade', 'websocket']],
    [':protocol with a path of octets that end it', [...CONNECT.slice(0, -1), '/ HTTP/1.1']],
    ['two authorizations', [...GET, 'authorization', 'a', 'authorization', 'b']],
  ])('%s', (_name, fields) => {
    const { requests, refused } = serve(fields);
    expect(requests).toEqual([]);
    expect(refused).toEqual([400]);
  });

  it('CONNECT is refused by 501', () => {
    expect(serve([':method', 'CONNECT', ':authority', 'a:80'])).toMatchObject({ requests: [], refused: [501] });
  });
});

describe('a request', () => {
  it('comes with its pseudo fields in one order, and Host as :authority', () => {
    const { requests } = serve([':path', '/', ':scheme', 'http', ':method', 'GET', 'host', 'a', 'x', 'y']);
    expect(requests).toEqual([[...GET, 'x', 'y']]);
    expect(serve([...GET, 'host', 'A']).requests).toEqual([GET]);
  });

  const data = (text: string, end: boolean): Buffer =>
    rawFrame(FrameType.data, end ? Flag.endStream : 0, 1, Buffer.from(text));
  const trailers = (fields: FieldList, end = true): Buffer =>
    rawFrame(FrameType.headers, Flag.endHeaders | (end ? Flag.endStream : 0), 1, block(fields));

  it.each([
    ['more content than declared', [data('abcd', true)]],
    ['less content than declared', [data('ab', true)]],
    ['less content than declared, and trailers', [data('ab', false), trailers(['x', 'y'])]],
    ['trailers that do not end it', [data('abc', false), trailers(['x', 'y'], false)]],
    ['a pseudo field in trailers', [data('abc', false), trailers([':path', '/'])]],
    ['content-length in trailers', [data('abc', false), trailers(['content-length', '3'])]],
    ['host in trailers', [data('abc', false), trailers(['host', 'b'])]],
    ['upper case in trailers', [data('abc', false), trailers(['X', 'y'])]],
  ])('%s breaks it', (_name, frames) => {
    const { recorder, frames: answers } = serve([...POST, 'content-length', '3'], ...frames);
    expect(recorder.complete).toBe(false);
    expect(recorder.reset).toMatchObject({ cause: 'malformed', errorCode: ErrorCode.protocolError });
    expect(answers).toEqual([[FrameType.resetStream, ErrorCode.protocolError]]);
  });

  it('arrives with content and trailers', () => {
    const { recorder } = serve(
      [...POST, 'content-length', '3', 'te', 'trailers'],
      data('abc', false),
      trailers(['x', 'y']),
    );
    expect(recorder.content).toBe('abc');
    expect(recorder.trailers).toEqual(['x', 'y']);
    expect(recorder.complete).toBe(true);
  });
});

describe('a response', () => {
  function respond(...answers: [fields: FieldList, endStream: boolean][]): string[] {
    const [client, server] = connectedPair();
    const stream = client.connection.request(GET, true, undefined);
    server.react = (event, request) => {
      if (event !== 'headers') return;
      for (const [fields, endStream] of answers) {
        if (fields[1]?.startsWith('1') === true) server.connection.inform(request, fields);
        else server.connection.respond(request, fields, endStream);
      }
    };
    exchange(client, server);
    return client.events(stream?.id ?? 0);
  }

  it('may be trailers alone, as gRPC does', () => {
    expect(respond([[':status', '200', 'grpc-status', '5'], true])).toEqual(['headers end', 'closed']);
  });

  it.each([
    ['content-length without content', [[[':status', '200', 'content-length', '5'], true]]],
    ['204 that announces content', [[[':status', '204', 'content-length', '5'], true]]],
    ['an interim response that announces content', [[[':status', '103', 'content-length', '5'], false]]],
    ['status 101', [[[':status', '101'], false]]],
    ['two content-types', [[[':status', '200', 'content-type', 'a', 'content-type', 'b'], true]]],
  ] as [string, [FieldList, boolean][]][])('%s breaks it', (_name, answers) => {
    expect(respond(...answers)).toEqual([`broken ${ErrorCode.protocolError}`, 'closed']);
  });

  it('has a bounded number of interim responses', () => {
    const many = Array.from({ length: 20 }, (): [FieldList, boolean] => [[':status', '103'], false]);
    expect(respond(...many).at(-2)).toBe(`broken ${ErrorCode.enhanceYourCalm}`);
  });

  it('to HEAD has no content', () => {
    const client = new TestPeer({ role: 'client' });
    client.connection.start();
    const head = client.connection.request([':method', 'HEAD', ...GET.slice(2)], true, undefined, 'HEAD');
    for (const bytes of [
      rawFrame(FrameType.settings, 0, 0),
      rawFrame(FrameType.headers, Flag.endHeaders, 1, block([':status', '200', 'content-length', '5'])),
      rawFrame(FrameType.data, Flag.endStream, 1, Buffer.from('hello')),
    ]) {
      client.connection.receive(bytes, 0, bytes.length);
    }
    expect(client.events(head?.id ?? 0)).toEqual(['headers', `broken ${ErrorCode.protocolError}`, 'closed']);
  });
});
