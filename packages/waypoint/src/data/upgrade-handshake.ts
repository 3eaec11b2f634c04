import { createHash, randomFillSync } from 'node:crypto';
import type { HttpVersion } from '@ambit/http/exchange';
import { firstProtocol, isWebSocket } from '@ambit/http/h2/connect-protocol';
import { fieldValue } from '@ambit/http/h2/message-fields';
import { type LocalAnswer, WEBSOCKET_KEY_MISSING } from '@ambit/traffic/local-answer';
import type { UpstreamVersion } from './upstream-endpoint.ts';

/** What the two sides of an upgrade have to be told beyond what they say to each other. */
export interface Handshake {
  /** Makes the endpoint's consent the client's; false when it does not prove what it has to. */
  agreed(head: string[]): boolean;
}

/**
 * Between HTTP/1 and HTTP/2 a WebSocket is opened in two ways: in HTTP/1 the server proves by the client's key that it has
 * understood (RFC 6455 4.2.2), in HTTP/2 there are no such fields (RFC 8441 5). So the waypoint is client or server of that proof.
 * Other protocols have none. May change `head`, the request as the endpoint gets it; an answer when there is nothing to pass on.
 */
export function handshake(head: string[], from: HttpVersion, to: UpstreamVersion): Handshake | LocalAnswer {
  const toHttp2 = to === 'HTTP/2';
  const asked = fieldValue(head, 'upgrade') ?? '';
  if ((from === 'HTTP/2') === toHttp2 || !isWebSocket(firstProtocol(asked))) return PASSED_ON;
  const key = take(head, KEY);
  if (toHttp2) {
    if (key === undefined) return WEBSOCKET_KEY_MISSING;
    const proof = proofOf(key);
    return {
      agreed: (answer) => {
        take(answer, ACCEPT);
        answer.push(ACCEPT, proof);
        return true;
      },
    };
  }
  const ours = randomFillSync(Buffer.alloc(KEY_BYTES)).toString('base64');
  head.push(KEY, ours);
  return { agreed: (answer) => take(answer, ACCEPT) === proofOf(ours) };
}

const PASSED_ON: Handshake = { agreed: () => true };
const KEY = 'sec-websocket-key';
const ACCEPT = 'sec-websocket-accept';
const KEY_BYTES = 16;
/** RFC 6455 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** RFC 6455 4.2.2: SHA-1 by the protocol, which protects nothing by it. */
function proofOf(key: string): string {
  return createHash('sha1').update(`${key}${GUID}`, 'latin1').digest('base64');
}

/** Takes a field out, all of its occurrences; the first value, undefined when there is none. */
function take(fields: string[], name: string): string | undefined {
  let value: string | undefined;
  for (let at = fields.length - 2; at >= 0; at -= 2) {
    if (fields[at] !== name) continue;
    value = fields[at + 1];
    fields.splice(at, 2);
  }
  return value;
}
