import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClientConnection, ServerExchange } from '../exchange.ts';
import { Network, Recorder } from '../test-network.ts';
import { type FieldList, fieldListSize } from './message-fields.ts';

// What an end does that has more to say than the other takes (SETTINGS_MAX_HEADER_LIST_SIZE, RFC 9113 6.5.2).

const GET: FieldList = [':method', 'GET', ':scheme', 'http', ':authority', 'a', ':path', '/'];
const OK: FieldList = [':status', '200'];
const LIMIT = 2_000;

/** With a field more, so that the list has this size. */
function filled(fields: FieldList, size: number): FieldList {
  return [...fields, 'x-fill', 'v'.repeat(size - fieldListSize(fields) - 38)];
}

interface Asked {
  readonly exchange: ServerExchange;
  readonly fields: FieldList;
  readonly recorder: Recorder;
}

/** A client and a server that have told each other what they take. */
function connected(takes = LIMIT): {
  network: Network;
  client: ClientConnection;
  asked: Asked[];
  ended: () => boolean;
} {
  const network = new Network();
  const asked: Asked[] = [];
  const { client, ends } = network.link(
    'h2',
    {},
    {
      onRequest: (exchange, fields) => {
        const recorder = new Recorder();
        recorder.exchange = exchange;
        exchange.receiver = recorder;
        asked.push({ exchange, fields, recorder });
      },
    },
    { client: takes, server: takes },
  );
  network.run();
  return { network, client, asked, ended: () => ends.some((end) => end.ended !== undefined) };
}

function ask(client: ClientConnection, fields: FieldList = GET, endStream = true): Recorder {
  const recorder = new Recorder();
  recorder.exchange = client.request(fields, endStream, recorder);
  return recorder;
}

describe('a head', () => {
  it.each([
    [0, true],
    [1, false],
  ])('of a request that is %i octets beyond what the server takes leaves or not: %s', (beyond, leaves) => {
    const { network, client, asked, ended } = connected();
    const fields = filled(GET, LIMIT + beyond);
    if (leaves) ask(client, fields);
    else expect(() => ask(client, fields)).toThrow('a head of 2001 octets, the peer takes 2000');
    const next = ask(client);
    network.run();
    expect(asked.map((one) => one.fields)).toEqual(leaves ? [fields, GET] : [GET]);
    asked.at(-1)?.exchange.respond(OK, true);
    network.run();
    expect([next.events, ended()]).toEqual([['response 200', 'end'], false]);
  });

  it.each([
    [0, true],
    [1, false],
  ])('of an answer that is %i octets beyond what the client takes leaves or not: %s', (beyond, leaves) => {
    const { network, client, asked, ended } = connected();
    const answer = ask(client);
    network.run();
    const exchange = asked[0]?.exchange;
    const fields = filled(OK, LIMIT + beyond);
    if (leaves) exchange?.respond(fields, true);
    else expect(() => exchange?.respond(fields, true)).toThrow('a head of 2001 octets, the peer takes 2000');
    // Nothing was said yet.
    if (!leaves) exchange?.respond([':status', '502'], true);
    network.run();
    expect([answer.fields, ended()]).toEqual([leaves ? fields : [':status', '502'], false]);
  });

  it('in the meantime is left out', () => {
    const { network, client, asked } = connected();
    const answer = ask(client);
    network.run();
    asked[0]?.exchange.inform(filled([':status', '103'], LIMIT + 1));
    asked[0]?.exchange.inform(filled([':status', '103'], LIMIT));
    asked[0]?.exchange.respond(OK, true);
    network.run();
    expect(answer.events).toEqual(['interim 103', 'response 200', 'end']);
  });
});

describe('trailers that are too large end their exchange alone, and both ends hear so', () => {
  it('of a request', () => {
    const { network, client, asked, ended } = connected();
    const [bad, other] = [ask(client, GET, false), ask(client)];
    network.run();
    bad.exchange?.sendTrailers(filled([], LIMIT + 1));
    bad.exchange?.sendTrailers(['x-again', '1']);
    network.run();
    expect(bad.events).toEqual(['reset too-large']);
    expect(asked[0]?.recorder.events).toEqual(['reset peer']);
    asked[1]?.exchange.respond(OK, true);
    network.run();
    expect([other.events, ended()]).toEqual([['response 200', 'end'], false]);
  });

  it('of an answer', () => {
    const { network, client, asked, ended } = connected();
    const [bad, other] = [ask(client), ask(client)];
    network.run();
    for (const [index, size] of [LIMIT + 1, LIMIT].entries()) {
      asked[index]?.exchange.respond(OK, false);
      asked[index]?.exchange.sendTrailers(filled([], size));
    }
    network.run();
    expect(bad.events).toEqual(['response 200', 'reset peer']);
    expect(asked[0]?.recorder.events).toEqual(['reset too-large']);
    expect(other.events).toEqual(['response 200', 'end']);
    expect(ended()).toBe(false);
  });
});

it('whatever is said, what is not too large arrives as it was said, and nothing is broken', () => {
  const value = fc
    .oneof(fc.integer({ max: 60, min: 0 }), fc.integer({ max: 700, min: 0 }))
    .map((size) => 'v'.repeat(size));
  const more = fc
    .array(fc.tuple(fc.constantFrom('x-a', 'x-b', 'cookie'), value), { maxLength: 6 })
    .map((list) => list.flat());
  const [sent, refused] = [{ count: 0 }, { count: 0 }];
  fc.assert(
    fc.property(
      fc.array(fc.tuple(more, more), { maxLength: 8 }),
      fc.integer({ min: 1, max: 3_000 }),
      (pairs, takes) => {
        const { network, client, asked, ended } = connected(takes);
        for (const [request, response] of pairs) {
          const before = asked.length;
          const fits = fieldListSize([...GET, ...request]) <= takes;
          (fits ? sent : refused).count++;
          if (!fits) {
            expect(() => ask(client, [...GET, ...request])).toThrow('the peer takes');
            continue;
          }
          const answer = ask(client, [...GET, ...request]);
          network.run();
          expect(asked[before]?.fields).toEqual([...GET, ...request]);
          const head = [...OK, ...response];
          if (fieldListSize(head) <= takes) asked[before]?.exchange.respond(head, true);
          else expect(() => asked[before]?.exchange.respond(head, true)).toThrow('the peer takes');
          network.run();
          expect(answer.fields).toEqual(fieldListSize(head) <= takes ? head : []);
        }
        expect(ended()).toBe(false);
      },
    ),
    { numRuns: 300 },
  );
  expect(sent.count).toBeGreaterThan(100);
  expect(refused.count).toBeGreaterThan(100);
});
