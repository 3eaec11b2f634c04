import { describe, expect, it } from 'vitest';
import type { ClientConnection, ServerExchange } from './exchange.ts';
import { ErrorCode } from './h2/frames.ts';
import { type FieldList, fieldValue } from './h2/message-fields.ts';
import { Network, proxyRequest, Recorder, sendAll, type Version } from './test-network.ts';

const GET = [':method', 'GET', ':scheme', 'http', ':authority', 'shop:80', ':path', '/a?b=c', 'x-a', '1'];
const POST = [':method', 'POST', ':scheme', 'http', ':authority', 'shop:80', ':path', '/'];
const HEAD = [':method', 'HEAD', ':scheme', 'http', ':authority', 'shop:80', ':path', '/'];

interface Origin {
  exchange: ServerExchange;
  fields: FieldList;
  recorder: Recorder;
}

/** client -> proxy -> origin; the proxy opens a connection for each request unless one is free. */
class Chain {
  readonly network: Network = new Network();
  readonly origins: Origin[] = [];
  /** What the origin does when a request is complete. */
  answer: (origin: Origin) => void = ({ exchange }) => {
    exchange.respond([':status', '200', 'content-length', '2'], false);
    exchange.sendData(Buffer.from('ok'), 0, 2, true);
  };
  /** What it does when a request begins. */
  begin: (origin: Origin) => void = () => undefined;
  readonly client: ClientConnection;
  readonly #upstreams: ClientConnection[] = [];
  readonly #back: Version;

  constructor(front: Version, back: Version) {
    this.#back = back;
    this.client = this.network.link(
      front,
      {},
      {
        onRequest: (down, fields, endStream) => {
          const upstream = this.#upstream();
          proxyRequest(down, fields, endStream, (...request) => upstream.request(...request));
        },
      },
    ).client;
    this.network.run();
  }

  request(fields: FieldList, content?: Buffer | string, trailers?: FieldList): Recorder {
    const recorder = new Recorder();
    const exchange = this.client.request(fields, content === undefined, recorder);
    if (exchange === undefined) throw new Error('no request can be sent');
    recorder.exchange = exchange;
    if (content !== undefined) {
      sendAll(exchange, recorder, Buffer.from(content), () => {
        if (trailers === undefined) exchange.endStream();
        else exchange.sendTrailers(trailers);
      });
    }
    return recorder;
  }

  #upstream(): ClientConnection {
    let free = this.#upstreams.find(({ available }) => available > 0);
    if (free === undefined) {
      free = this.network.link(
        this.#back,
        {},
        {
          onRequest: (exchange, fields, endStream) => {
            const recorder = new Recorder();
            const origin = { exchange, fields, recorder };
            this.origins.push(origin);
            recorder.exchange = exchange;
            recorder.done = () => {
              this.answer(origin);
            };
            exchange.receiver = recorder;
            this.begin(origin);
            if (endStream) this.answer(origin);
          },
        },
      ).client;
      this.#upstreams.push(free);
    }
    return free;
  }
}

const COMBINATIONS = [
  ['h1', 'h1'],
  ['h1', 'h2'],
  ['h2', 'h1'],
  ['h2', 'h2'],
] as const;

describe.each(COMBINATIONS)('%s in, %s out', (front, back) => {
  it('carries a request and its answer, in pieces of any size', () => {
    for (const piece of [1, 2, 3, 7, 100, 1 << 20]) {
      const chain = new Chain(front, back);
      chain.network.piece = piece;
      for (let round = 0; round < 3; round++) {
        const response = chain.request(GET);
        chain.network.run();
        expect(response.events).toEqual(['response 200', 'end']);
        expect(response.content).toBe('ok');
        expect(response.fields).toEqual([':status', '200', 'content-length', '2']);
      }
      expect(chain.origins.map(({ fields }) => fields)).toEqual([GET, GET, GET]);
    }
  });

  it('carries content and trailers both ways, of known and unknown length', () => {
    for (const piece of [1, 5, 1 << 20]) {
      const chain = new Chain(front, back);
      chain.network.piece = piece;
      chain.answer = ({ exchange, recorder }) => {
        exchange.inform([':status', '103', 'link', '</a>']);
        exchange.respond([':status', '200', 'content-type', 'a/b'], false);
        const content = Buffer.from(recorder.content);
        exchange.sendData(content, 0, content.length, false);
        exchange.sendTrailers(['grpc-status', '0', ...recorder.trailers]);
      };
      const response = chain.request([...POST, 'te', 'trailers'], 'hello', ['x-sum', '5']);
      chain.network.run();
      expect(response.events).toEqual(['interim 103', 'response 200', 'end']);
      expect(response.content).toBe('hello');
      expect(response.trailers).toEqual(['grpc-status', '0', 'x-sum', '5']);
      expect(chain.origins[0]?.fields).toEqual([...POST, 'te', 'trailers']);
      const known = chain.request([...POST, 'content-length', '3'], 'abc');
      chain.network.run();
      expect(known.content).toBe('abc');
      expect(fieldValue(chain.origins[1]?.fields ?? [], 'content-length')).toBe('3');
    }
  });

  it('answers HEAD, 204 and 304 without content and stays usable', () => {
    const chain = new Chain(front, back);
    chain.answer = ({ exchange, fields }) => {
      if (fields[1] === 'HEAD') exchange.respond([':status', '200', 'content-length', '1000'], true);
      else exchange.respond([':status', chain.origins.length === 2 ? '204' : '304'], true);
    };
    for (const [fields, status] of [
      [HEAD, '200'],
      [GET, '204'],
      [GET, '304'],
      [HEAD, '200'],
    ] as const) {
      const response = chain.request(fields);
      chain.network.run();
      expect(response.events).toEqual([`response ${status}`, 'end']);
      if (fields === HEAD) expect(fieldValue(response.fields, 'content-length')).toBe('1000');
    }
  });

  it('a request given up by its client is given up at the origin', () => {
    const chain = new Chain(front, back);
    chain.answer = () => undefined;
    const response = new Recorder();
    response.exchange = chain.client.request([...POST, 'content-length', '10'], false, response);
    response.exchange?.sendData(Buffer.from('def'), 0, 3, false);
    chain.network.run();
    response.exchange?.reset(ErrorCode.cancel);
    chain.network.run();
    expect(chain.origins[0]?.recorder.reset?.cause).toBe(back === 'h2' ? 'peer' : 'connection');
    expect(chain.origins[0]?.recorder.complete).toBe(false);
    expect(response.reset).toBeUndefined();
  });

  it('an answer that breaks off does not look complete', () => {
    const chain = new Chain(front, back);
    chain.answer = ({ exchange }) => {
      exchange.respond([':status', '200'], false);
      exchange.sendData(Buffer.from('half'), 0, 4, false);
      chain.network.defer(() => {
        exchange.reset(ErrorCode.internalError);
      });
    };
    const response = chain.request(GET);
    chain.network.run();
    expect(response.content).toBe('half');
    expect(response.complete).toBe(false);
    expect(response.reset?.cause).toBe(front === 'h2' ? 'peer' : 'connection');
  });

  it('takes large content through small sinks, both ways', () => {
    const chain = new Chain(front, back);
    chain.network.capacity = 20_000;
    chain.network.piece = 5000;
    chain.answer = (origin) => {
      origin.exchange.respond([':status', '200'], false);
      sendAll(origin.exchange, origin.recorder, Buffer.alloc(origin.recorder.size, 'x'), () => {
        origin.exchange.endStream();
      });
    };
    const response = chain.request(POST, Buffer.alloc(3_000_000, 'x'));
    chain.network.run();
    expect(response.size).toBe(3_000_000);
    expect(response.complete).toBe(true);
  });

  it('a client that does not read holds back its own origin only', () => {
    const chain = new Chain(front, back);
    chain.network.capacity = 20_000;
    let sent = 0;
    chain.answer = (origin) => {
      if (fieldValue(origin.fields, 'x-big') === undefined) {
        origin.exchange.respond([':status', '204'], true);
        return;
      }
      origin.exchange.respond([':status', '200'], false);
      const block = Buffer.alloc(50_000);
      const go = (): void => {
        while (sent < 60_000_000) {
          const taken = origin.exchange.sendData(block, 0, block.length, false);
          sent += taken;
          if (taken < block.length) return;
        }
        origin.recorder.writable = () => undefined;
        origin.exchange.endStream();
      };
      origin.recorder.writable = go;
      go();
    };
    const slow = new Recorder();
    slow.holds = true;
    slow.exchange = chain.client.request([...GET, 'x-big', '1'], true, slow);
    chain.network.run();
    // Bounded by windows (HTTP/2) or by what an unread connection holds (HTTP/1), whatever the origin would send.
    expect(sent).toBeLessThan(16_000_000);
    if (front === 'h2') {
      for (let count = 0; count < 5; count++) {
        const quick = chain.request(GET);
        chain.network.run();
        expect(quick.events).toEqual(['response 204', 'end']);
      }
    }
    slow.letGo();
    chain.network.run();
    expect(slow.size).toBe(sent);
    expect(slow.complete).toBe(true);
  });

  it('an origin that does not read holds back its client', () => {
    const chain = new Chain(front, back);
    chain.network.capacity = 20_000;
    chain.begin = ({ recorder }) => {
      recorder.holds = true;
    };
    const response = chain.request(POST, Buffer.alloc(30_000_000));
    chain.network.run();
    expect(chain.origins[0]?.recorder.size).toBeLessThan(16_000_000);
    expect(chain.origins[0]?.recorder.complete).toBe(false);
    chain.origins[0]?.recorder.letGo();
    chain.network.run();
    expect(chain.origins[0]?.recorder.size).toBe(30_000_000);
    expect(response.events).toEqual(['response 200', 'end']);
  });

  it('an answer before the end of the request arrives, and the rest is not waited for', () => {
    const chain = new Chain(front, back);
    chain.begin = ({ exchange }) => {
      exchange.respond([':status', '413', 'content-length', '3'], false);
      exchange.sendData(Buffer.from('big'), 0, 3, true);
    };
    const response = new Recorder();
    const exchange = chain.client.request(POST, false, response);
    response.exchange = exchange;
    exchange?.sendData(Buffer.from('some'), 0, 4, false);
    chain.network.run();
    expect(response.events).toEqual(['response 413', 'end']);
    expect(response.content).toBe('big');
    expect(exchange?.closed).toBe(false);
    exchange?.endStream();
    chain.network.run();
    expect(exchange?.closed).toBe(true);
    expect(response.events).toEqual(['response 413', 'end']);
  });
});

describe.each(['h1', 'h2'] as const)('requests of one HTTP/2 connection, %s out', (back) => {
  it('any number of answers that nobody reads leave the others of the connection alone', () => {
    const chain = new Chain('h2', back);
    chain.answer = ({ exchange, fields, recorder }) => {
      exchange.respond([':status', '200'], false);
      if (fieldValue(fields, 'x-big') === undefined) exchange.sendData(Buffer.from('ok'), 0, 2, true);
      else sendAll(exchange, recorder, Buffer.alloc(6_000_000), () => exchange.endStream());
    };
    for (let count = 0; count < 40; count++) {
      const slow = new Recorder();
      slow.holds = true;
      slow.exchange = chain.client.request([...GET, 'x-big', '1'], true, slow);
    }
    chain.network.run();
    const quick = chain.request(GET);
    chain.network.run();
    expect(quick.events).toEqual(['response 200', 'end']);
    expect(quick.content).toBe('ok');
  });
});
