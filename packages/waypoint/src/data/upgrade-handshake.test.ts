import { fieldValue } from '@ambit/http/h2/message-fields';
import { expect, it } from 'vitest';
import { UpgradeHandshake } from './upgrade-handshake.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const PROOF = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const PSEUDO = [':method', 'GET', ':scheme', 'http', ':authority', 'a', ':path', '/'];

it.each([
  ['HTTP/1.1', 'HTTP/1.1', 'its own', PROOF],
  ['HTTP/1.1', 'HTTP/2', 'none', PROOF],
  ['HTTP/2', 'HTTP/1.1', 'another', undefined],
  ['HTTP/2', 'HTTP/2', 'its own', PROOF],
] as const)('a WebSocket of a client of %s has at an endpoint of %s %s key', (from, to, whose, proof) => {
  const head = [...PSEUDO, 'sec-websocket-key', KEY, 'upgrade', 'WebSocket'];
  const handshake = new UpgradeHandshake(head, from);
  const key = fieldValue(handshake.headFor(to), 'sec-websocket-key');
  expect(key === KEY ? 'its own' : key === undefined ? 'none' : 'another').toBe(whose);
  const answer = [':status', '101', 'sec-websocket-accept', PROOF];
  expect(handshake.agreed(answer)).toBe(whose !== 'another');
  expect(fieldValue(answer, 'sec-websocket-accept')).toBe(proof);
});

it('that is asked of one endpoint after another gets the key of each version', () => {
  const head = [...PSEUDO, 'sec-websocket-key', KEY, 'upgrade', 'websocket'];
  const handshake = new UpgradeHandshake(head, 'HTTP/1.1');
  expect(handshake.headFor('HTTP/2')).not.toContain(KEY);
  // It was to speak HTTP/2, and its TLS has agreed to HTTP/1.1.
  expect(handshake.headFor('HTTP/1.1')).toContain(KEY);
  const answer = [':status', '101', 'sec-websocket-accept', 'of the endpoint'];
  expect(handshake.agreed(answer)).toBe(true);
  expect(answer).toContain('of the endpoint');
});

it('to another protocol is asked for as it came', () => {
  const head = [...PSEUDO, 'upgrade', 'connect-udp'];
  for (const version of ['HTTP/1.1', 'HTTP/2'] as const) {
    expect(new UpgradeHandshake(head, 'HTTP/2').headFor(version)).toEqual(head);
  }
});
