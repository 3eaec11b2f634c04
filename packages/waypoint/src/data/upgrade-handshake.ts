import { createHash, randomFillSync } from 'node:crypto';
import type { HttpVersion } from '@ambit/http/exchange';
import { firstProtocol, isWebSocket } from '@ambit/http/h2/connect-protocol';
import { type FieldList, fieldValue } from '@ambit/http/h2/message-fields';
import { type LocalAnswer, UPGRADE_NOT_OFFERED, WEBSOCKET_KEY_MISSING } from '@ambit/traffic/local-answer';
import type { UpstreamVersion } from './upstream-endpoint.ts';

/**
 * A request for another protocol, as endpoints of either version get it. Between HTTP/1 and HTTP/2 a WebSocket is opened in two
 * ways: in HTTP/1 the server proves by the client's key that it has understood (RFC 6455 4.2.2), in HTTP/2 there are no such
 * fields (RFC 8441 5). So the waypoint is client or server of that proof. Other protocols have none.
 */
export class UpgradeHandshake {
  readonly #head: FieldList;
  readonly #from: HttpVersion;
  readonly #isWebSocket: boolean;
  /** Of the last endpoint that was asked. */
  #agree: (answer: string[]) => boolean = passOn;

  /** `head`: as it was routed, with the field upgrade; `from`: of the client. */
  constructor(head: FieldList, from: HttpVersion) {
    this.#head = head;
    this.#from = from;
    this.#isWebSocket = isWebSocket(firstProtocol(fieldValue(head, 'upgrade') ?? ''));
  }

  /** Why it cannot be asked of an endpoint that is to speak this version; undefined: it can. */
  refusalBy(version: UpstreamVersion): LocalAnswer | undefined {
    if (version === 'HTTP/1.1') return undefined;
    if (fieldValue(this.#head, ':method') !== 'GET') return UPGRADE_NOT_OFFERED;
    const isKeyDue = this.#isWebSocket && this.#from !== 'HTTP/2';
    return isKeyDue && fieldValue(this.#head, KEY) === undefined ? WEBSOCKET_KEY_MISSING : undefined;
  }

  /** The head as an endpoint gets it that speaks this version. */
  headFor(version: UpstreamVersion): FieldList {
    const isHttp2 = version === 'HTTP/2';
    this.#agree = passOn;
    if (!this.#isWebSocket || isHttp2 === (this.#from === 'HTTP/2')) return this.#head;
    const head = [...this.#head];
    const key = take(head, KEY);
    if (isHttp2) {
      const proof = proofOf(key ?? '');
      this.#agree = (answer) => {
        take(answer, ACCEPT);
        answer.push(ACCEPT, proof);
        return true;
      };
    } else {
      const ours = randomFillSync(Buffer.alloc(KEY_BYTES)).toString('base64');
      head.push(KEY, ours);
      this.#agree = (answer) => take(answer, ACCEPT) === proofOf(ours);
    }
    return head;
  }

  /** Makes the consent of the endpoint that was asked last the client's; false when it does not prove what it has to. */
  agreed(answer: string[]): boolean {
    return this.#agree(answer);
  }
}

function passOn(): boolean {
  return true;
}

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
