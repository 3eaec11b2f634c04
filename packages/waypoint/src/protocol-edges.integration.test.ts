import { ErrorCode } from '@ambit/http/h2/frames';
import { describe, expect, it } from 'vitest';
import { answering, application, Client, Raw, raw, respond, type Seen } from './test-application.ts';
import { start } from './test-start.ts';
import type { TestWaypoint } from './test-waypoint.ts';

/** Endpoints of a port of HTTP/1 are spoken to as the client speaks, those of HTTP/2 in HTTP/2. */
const PAIRS = [
  { down: 'HTTP/1.1', up: 'HTTP/1.1', protocol: 'http1' },
  { down: 'HTTP/1.1', up: 'HTTP/2', protocol: 'http2' },
  { down: 'HTTP/2', up: 'HTTP/2', protocol: 'http1' },
] as const;

function field({ fields }: Seen, name: string): string | undefined {
  const at = fields.indexOf(name);
  return at < 0 ? undefined : fields[at + 1];
}

describe.each(PAIRS)('from $down to $up', ({ down, up, protocol }) => {
  /** A waypoint with one endpoint, whose application does with requests what `hooks` say. */
  const serving = (hooks: Parameters<typeof application>[1]): TestWaypoint =>
    start({ protocol, endpoints: { 'cart-1': application(up, hooks) } });

  it.each([
    ['HEAD with the length of what is left out', 'HEAD', 200, '1234'],
    ['HEAD without a length', 'HEAD', 200, undefined],
    ['204', 'GET', 204, undefined],
    ['304 with the length of what is left out', 'GET', 304, '1234'],
    ['304 without a length', 'GET', 304, undefined],
    ['205', 'POST', 205, '0'],
  ])('%s has no content, and the connection goes on', (_, method, status, length) => {
    const bed = serving({
      onComplete: ({ exchange }) => {
        const fields = length === undefined ? [] : ['content-length', length];
        exchange.respond([':status', String(status), ...fields], true);
      },
    });
    const client = new Client(bed, down);
    for (let count = 0; count < 3; count++) {
      const answer = client.send({ ':method': method });
      bed.loop.until(() => answer.settled);
      expect([answer.status, answer.body, answer.field('content-length')]).toEqual([status, '', length]);
    }
    expect([client.over, bed.endpoint('cart-1').tunnels]).toEqual([false, 1]);
  });

  it('what the client expects is asked of the endpoint, whose 100 it gets before it sends', () => {
    const seen: Seen[] = [];
    const bed = serving({
      onRequest: (one) => {
        seen.push(one);
      },
      onComplete: (one) => {
        respond(one, 200, one.body);
      },
    });
    const answer = new Client(bed, down).send(
      { ':method': 'PUT', expect: '100-continue', 'content-length': '4' },
      undefined,
      true,
    );
    bed.loop.until(() => seen.length === 1);
    bed.loop.pass(20);
    expect([seen[0]?.exchange.expectsContinue, answer.interim]).toEqual([true, []]);
    seen[0]?.exchange.inform([':status', '100']);
    bed.loop.until(() => answer.interim.length === 1);
    answer.exchange?.sendData(Buffer.from('body'), 0, 4, true);
    bed.loop.until(() => answer.settled);
    expect([answer.status, answer.body]).toEqual([200, 'body']);
  });

  it('what the client expects may be refused, and it sends nothing', () => {
    const seen: Seen[] = [];
    const bed = serving({
      onRequest: (one) => {
        seen.push(one);
        respond(one, 417, 'no');
      },
    });
    const client = new Client(bed, down);
    const answer = client.send({ ':method': 'PUT', expect: '100-continue', 'content-length': '4' }, undefined, true);
    bed.loop.until(() => answer.settled && answer.head !== undefined);
    expect([answer.status, answer.body, seen[0]?.bytes]).toEqual([417, 'no', 0]);
    // Another client's next request is served on whatever connection there is.
    const next = new Client(bed, down).send({});
    bed.loop.until(() => next.settled);
    expect(next.status).toBe(417);
  });

  it('hints come before the answer, with their fields', () => {
    const seen: Seen[] = [];
    const bed = serving({
      onComplete: (one) => {
        one.exchange.inform([':status', '102']);
        one.exchange.inform([':status', '103', 'link', '</a.css>; rel=preload']);
        seen.push(one);
      },
    });
    const answer = new Client(bed, down).send({});
    bed.loop.until(() => answer.interim.length === 2);
    expect(answer.interim[1]).toEqual([':status', '103', 'link', '</a.css>; rel=preload']);
    expect(answer.head).toBeUndefined();
    respond(seen[0] as Seen, 200, 'ok');
    bed.loop.until(() => answer.settled);
    expect([answer.status, answer.body]).toEqual([200, 'ok']);
  });

  it('an answer comes while the request is still sent, and both go on to their ends', () => {
    const seen: Seen[] = [];
    const bed = serving({
      onRequest: (one) => {
        seen.push(one);
        one.exchange.respond([':status', '200'], false);
        one.exchange.sendData(Buffer.from('begun '), 0, 6, false);
      },
      onComplete: ({ exchange, body }) => {
        const rest = Buffer.from(body);
        exchange.sendData(rest, 0, rest.length, true);
      },
    });
    const answer = new Client(bed, down).send({ ':method': 'POST' }, 'one ', true);
    bed.loop.until(() => answer.body === 'begun ');
    answer.exchange?.sendData(Buffer.from('two'), 0, 3, true);
    bed.loop.until(() => answer.settled);
    expect([answer.body, answer.reset]).toEqual(['begun one two', undefined]);
  });

  it('a complete answer ends a request that is still sent', () => {
    const seen: Seen[] = [];
    const bed = serving({
      onRequest: (one) => {
        seen.push(one);
        respond(one, 401, 'who');
      },
    });
    const answer = new Client(bed, down).send({ ':method': 'POST' }, 'one ', true);
    bed.loop.until(() => answer.body === 'who');
    bed.loop.until(() => answer.settled);
    expect([answer.status, answer.reset?.errorCode ?? ErrorCode.noError]).toEqual([401, ErrorCode.noError]);
    // HTTP/2 can tell the client that the rest is not wanted.
    if (down === 'HTTP/2') bed.loop.until(() => answer.exchange?.closed === true);
    // The endpoint is not left with half a request.
    bed.loop.until(() => seen[0]?.reset !== undefined);
    const lines = bed.lines();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(' 401 - via_upstream');
  });

  it.each([
    ['an asterisk', { ':method': 'OPTIONS', ':path': '*' }, ['OPTIONS', '*']],
    ['a method that nobody knows', { ':method': 'PURGE' }, ['PURGE', '/']],
    ['a query without a path', { ':path': '/?' }, ['GET', '/?']],
  ])('a request for %s goes as it is', (_, fields, expected) => {
    const seen: Seen[] = [];
    const bed = serving({
      onComplete: (one) => {
        seen.push(one);
        respond(one, 200, '');
      },
    });
    const answer = new Client(bed, down).send(fields);
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(200);
    const [one] = seen;
    expect(one === undefined ? [] : [field(one, ':method'), field(one, ':path')]).toEqual(expected);
  });

  it('empty content is told as such', () => {
    const seen: Seen[] = [];
    const bed = serving({
      onComplete: (one) => {
        seen.push(one);
        one.exchange.respond([':status', '200'], false);
        one.exchange.endStream();
      },
    });
    const client = new Client(bed, down);
    const answer = client.send({ ':method': 'POST' }, '');
    bed.loop.until(() => answer.settled);
    expect([answer.status, answer.body, seen[0]?.bytes, seen[0]?.complete]).toEqual([200, '', 0, true]);
  });
});

describe.each(['HTTP/1.1', 'HTTP/2'] as const)('a client of HTTP/1.0 at endpoints of %s', (up) => {
  const protocol = up === 'HTTP/2' ? 'http2' : 'http1';

  it('need not say a host, and is answered by the end of the connection', () => {
    const seen: Seen[] = [];
    const bed = start({
      protocol,
      endpoints: {
        'cart-1': application(up, {
          onComplete: (one) => {
            seen.push(one);
            one.exchange.inform([':status', '103']);
            one.exchange.respond([':status', '200'], false);
            one.exchange.sendData(Buffer.from('hello'), 0, 5, false);
            one.exchange.sendTrailers(['x-sum', '1']);
          },
        }),
      },
    });
    const client = raw(bed);
    client.write('GET /a HTTP/1.0\r\n\r\n');
    bed.loop.until(() => client.ended || client.closed !== undefined);
    expect(client.text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(client.text).toContain('connection: close\r\n');
    expect(client.text).not.toContain('chunked');
    expect(client.text.endsWith('\r\n\r\nhello')).toBe(true);
    expect(seen[0]?.fields.slice(4, 8)).toEqual([':authority', '10.96.0.1:80', ':path', '/a']);
  });

  it('may keep its connection for answers that say their length', () => {
    const bed = start({ protocol, endpoints: { 'cart-1': answering(up, 200, 'hello') } });
    const client = raw(bed);
    for (let count = 1; count <= 2; count++) {
      client.write('POST / HTTP/1.0\r\nHost: cart\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nab');
      bed.loop.until(() => client.text.split('\r\n\r\nhello').length === count + 1);
    }
    expect(client.text).toContain('connection: keep-alive\r\n');
    expect(client.closed).toBeUndefined();
  });

  it('sends content by its length only', () => {
    const bed = start({ protocol, endpoints: { 'cart-1': answering(up, 200, ({ body }) => `got ${body}`) } });
    const client = raw(bed);
    client.write('POST / HTTP/1.0\r\nHost: cart\r\nContent-Length: 3\r\n\r\nabcdef');
    bed.loop.until(() => client.ended || client.closed !== undefined);
    expect(client.text.endsWith('\r\n\r\ngot abc')).toBe(true);
  });
});

describe('an endpoint of HTTP/1.0', () => {
  it.each([
    ['a length', 'HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold', false],
    ['its end', 'HTTP/1.0 200 OK\r\n\r\nold', true],
    ['a length, and stays', 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold', false],
  ])('says by %s where its answer ends', (_, answer, ends) => {
    const bed = start({
      endpoints: {
        'cart-1': (tunnel) => {
          const server = new Raw();
          server.endpoint = tunnel.open([], server);
          let answered = 0;
          server.onText = (): void => {
            if (server.text.split('\r\n\r\n').length - 1 <= answered) return;
            answered += 1;
            server.write(answer);
            if (ends) server.endpoint?.endOutput();
          };
        },
      },
    });
    const client = new Client(bed, 'HTTP/1.1');
    for (let count = 0; count < 3; count++) {
      const got = client.send({});
      bed.loop.until(() => got.settled);
      expect([got.status, got.body]).toEqual([200, 'old']);
    }
    expect(bed.endpoint('cart-1').tunnels).toBe(answer.includes('keep-alive') ? 1 : 3);
  });
});

it.each(['HTTP/1.1', 'HTTP/2'] as const)('CONNECT by %s is refused', (version) => {
  const bed = start({ endpoints: { 'cart-1': answering(version, 200, '') } });
  if (version === 'HTTP/1.1') {
    const client = raw(bed);
    client.write('CONNECT cart:80 HTTP/1.1\r\nHost: cart:80\r\n\r\n');
    bed.loop.until(() => client.text.includes('\r\n\r\n'));
    expect(client.text).toMatch(/^HTTP\/1.1 501 /);
  } else {
    const answer = new Client(bed, version).sendFields([':method', 'CONNECT', ':authority', 'cart:80']);
    bed.loop.until(() => answer.settled);
    expect(answer.status).toBe(501);
  }
  expect(bed.endpoint('cart-1').tunnels).toBe(0);
});
