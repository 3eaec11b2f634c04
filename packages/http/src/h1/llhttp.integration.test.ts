import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AMBIGUOUS_CASES } from './test-corpus.ts';
import { type ReadRequest, readRequests } from './test-reading.ts';

/** A request as the server behind us would see it. */
interface Seen {
  target: string;
  fields: string[];
  content: string;
  trailers: string[];
}

interface NodeReading {
  requests: Seen[];
  /** It refused something. */
  refused: boolean;
}

/** Fields that end at each connection; `expect` and the like stay. */
const HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'te',
  'http2-settings',
]);

const current: NodeReading = { requests: [], refused: false };
let server: Server;

beforeAll(async () => {
  server = createServer({ insecureHTTPParser: false, maxHeaderSize: 256 << 10, requireHostHeader: false });
  server.maxHeadersCount = 0;
  Object.assign(server, { httpAllowHalfOpen: true });
  const onRequest = (message: IncomingMessage, response: ServerResponse): void => {
    const pieces: Buffer[] = [];
    message.on('data', (piece: Buffer) => pieces.push(piece));
    message.on('error', () => undefined);
    message.on('end', () => {
      if (message.complete) current.requests.push(seen(message, Buffer.concat(pieces).toString('latin1')));
      response.statusCode = 204;
      response.end();
    });
  };
  server.on('request', onRequest);
  server.on('checkExpectation', onRequest);
  server.on('clientError', (_error, socket) => {
    current.refused = true;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function seen(message: IncomingMessage, content: string): Seen {
  const url = message.url ?? '';
  const authority = /^https?:\/\/([^/?]*)/i.exec(url);
  const path = authority === null ? url : url.slice(authority[0].length);
  const fields: string[] = [];
  const named: string[] = [];
  for (let at = 0; at < message.rawHeaders.length; at += 2) {
    const name = (message.rawHeaders[at] ?? '').toLowerCase();
    if (name === 'connection')
      named.push(
        ...(message.rawHeaders[at + 1] ?? '')
          .toLowerCase()
          .split(',')
          .map((s) => s.trim()),
      );
  }
  let te = false;
  let host = authority?.[1] ?? '';
  for (let at = 0; at < message.rawHeaders.length; at += 2) {
    const name = (message.rawHeaders[at] ?? '').toLowerCase();
    const value = message.rawHeaders[at + 1] ?? '';
    if (name === 'host') host = value;
    else if (name === 'te')
      te ||= value
        .toLowerCase()
        .split(',')
        .some((coding) => coding.trim() === 'trailers');
    else if (!HOP.has(name) && !named.includes(name)) fields.push(name, value);
  }
  if (te) fields.push('te', 'trailers');
  const target = `${message.method ?? ''} ${host} ${path.startsWith('/') || path === '*' ? path : `/${path}`}`;
  const trailers = message.rawTrailers.map((text, at) => (at % 2 === 0 ? text.toLowerCase() : text));
  return { target, fields, content, trailers };
}

function ours(request: ReadRequest): Seen {
  const [, method = '', , , first = '', second = ''] = request.fields;
  const host = first === ':authority' ? second : '';
  const from = first === ':authority' ? 8 : 6;
  const path = request.fields[from - 1] ?? '';
  return {
    target: `${method} ${host} ${path}`,
    fields: request.fields.slice(from),
    content: request.content,
    trailers: [...request.trailers],
  };
}

async function readByNode(octets: Buffer): Promise<NodeReading> {
  current.requests = [];
  current.refused = false;
  await new Promise<void>((resolve) => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve();
    });
    socket.resume();
    socket.end(octets);
  });
  return { requests: current.requests, refused: current.refused };
}

/** Methods that llhttp does not know are refused by it; nothing is forwarded to be misread then. */
const METHODS = new Set('GET POST PUT HEAD DELETE OPTIONS PATCH TRACE'.split(' '));

/** What we hand on, node reads alike; what we refuse, we refuse before node has seen anything else. */
async function compare(octets: Buffer): Promise<void> {
  const reading = readRequests(octets);
  const accepted = reading.requests.filter(({ complete }) => complete).map(ours);
  const node = await readByNode(octets);
  const known = accepted.findIndex(({ target }) => !METHODS.has(target.slice(0, target.indexOf(' '))));
  const comparable = known < 0 ? accepted : accepted.slice(0, known);
  expect(node.requests.slice(0, comparable.length)).toEqual(comparable);
  // Nothing more than we saw, unless we refused what node is laxer with.
  if (reading.refusal === undefined && known < 0) expect(node.requests).toHaveLength(accepted.length);
}

describe('the requests that we read are those that llhttp reads', () => {
  it.each(AMBIGUOUS_CASES)('$name', async ({ octets }) => {
    await compare(Buffer.from(octets, 'latin1'));
  });

  it('of random requests with random damage', async () => {
    const text = fc.string({
      unit: fc.constantFrom(...Array.from('aZ09-_./?&=%~!\'"{}|^`\\<> \t;:,\xe9\0\r\n')),
      maxLength: 12,
    });
    const token = fc.string({ unit: fc.constantFrom(...Array.from('aZ09-_.!#$')), minLength: 1, maxLength: 8 });
    const eol = fc.oneof(
      { weight: 30, arbitrary: fc.constant('\r\n') },
      { weight: 1, arbitrary: fc.constantFrom('\n', '\r', '\r\r\n', '\n\r\n') },
    );
    const name = fc.oneof(
      token,
      fc.constantFrom(
        'Content-Length',
        'Transfer-Encoding',
        'Host',
        'Connection',
        'TE',
        'Expect',
        'Trailer',
        'content-length',
        'Upgrade',
        'Keep-Alive',
      ),
    );
    const value = fc.oneof(
      text,
      fc.constantFrom(
        '5',
        '0',
        '05',
        '+5',
        '5,5',
        'chunked',
        'Chunked',
        'chunked, chunked',
        'identity',
        'a',
        'b',
        'close',
        'keep-alive',
        'x-a',
        'trailers',
        '100-continue',
        'h2c',
      ),
    );
    const colon = fc.constantFrom(': ', ': ', ': ', ':', ' : ', ':\t');
    const line = fc.tuple(name, colon, value, eol).map((parts) => parts.join(''));
    const chunk = fc
      .tuple(fc.constantFrom('5', '05', '5;x=y', '4', '0x5', '5 ', 'A'), eol, fc.constantFrom('hello', 'hell', ''), eol)
      .map((parts) => parts.join(''));
    const body = fc.oneof(
      fc.constantFrom('', 'hello', '0\r\n\r\n', '5\r\nhello\r\n0\r\n\r\n', '5\r\nhello\r\n0\r\nX: y\r\n\r\n'),
      fc.array(chunk, { maxLength: 3 }).map((chunks) => `${chunks.join('')}0\r\n\r\n`),
    );
    const head = fc
      .tuple(
        fc.constantFrom('GET', 'POST', 'HEAD', 'OPTIONS', 'PUT', 'get', 'FOO'),
        fc.oneof(
          { weight: 3, arbitrary: fc.constantFrom('/', '/a?b', 'http://a/x', '*', '//b', '/%2e%2e') },
          { weight: 1, arbitrary: text },
        ),
        fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/1.2'),
        eol,
        fc.array(line, { maxLength: 4 }),
      )
      .map(
        ([method, target, version, end, lines]) =>
          `${method} ${target} ${version}${end}Host: a\r\n${lines.join('')}\r\n`,
      );
    const stream = fc.array(fc.tuple(head, body), { minLength: 1, maxLength: 3 }).map((parts) => parts.flat().join(''));
    await fc.assert(
      fc.asyncProperty(stream, (octets) => compare(Buffer.from(octets, 'latin1'))),
      { numRuns: 1000 },
    );
  });
});
