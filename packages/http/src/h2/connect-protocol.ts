import { isAnswerTo } from '../upgrade.ts';
import { UnwritableError } from '../unwritable.ts';
import { type FieldList, fieldValue } from './message-fields.ts';

// A request for another protocol is a GET with the field upgrade for whoever uses an exchange, as in HTTP/1; on the wire of
// HTTP/2 it is a CONNECT with `:protocol` (RFC 8441), and the consent a success instead of a status 101.

/** The request that a CONNECT with `:protocol` stands for. */
export function upgradeRequest(fields: FieldList, authority: string, protocol: string): FieldList {
  const request = [
    ':method',
    'GET',
    ':scheme',
    fieldValue(fields, ':scheme') ?? '',
    ':authority',
    authority,
    ':path',
    fieldValue(fields, ':path') ?? '',
  ];
  pushOthers(request, fields, 'host');
  request.push('upgrade', protocol);
  return request;
}

/**
 * The CONNECT that asks for `protocol`.
 * @throws UnwritableError when the request has another method: nothing in HTTP/2 would say so.
 */
export function connectRequest(fields: FieldList, protocol: string): FieldList {
  if (fieldValue(fields, ':method') !== 'GET') throw new UnwritableError('an upgrade by another method than GET');
  const request = [
    ':method',
    'CONNECT',
    ':protocol',
    protocol,
    ':scheme',
    fieldValue(fields, ':scheme') ?? '',
    ':authority',
    fieldValue(fields, ':authority') ?? '',
    ':path',
    fieldValue(fields, ':path') ?? '',
  ];
  pushOthers(request, fields, 'upgrade');
  return request;
}

/**
 * The one protocol that is asked for of those that the field upgrade lists, the best first. WebSocket is what it is called in any
 * letters in HTTP/1, and in small ones here.
 */
export function firstProtocol(upgrade: string): string {
  const [first = ''] = upgrade.split(',');
  const protocol = first.trim();
  return isWebSocket(protocol) ? WEBSOCKET : protocol;
}

export function isWebSocket(protocol: string): boolean {
  return protocol.length === WEBSOCKET.length && protocol.toLowerCase() === WEBSOCKET;
}

/**
 * The answer to a CONNECT that asked for `protocol`, in place of one to an upgrade.
 * @throws UnwritableError when it is a success that does not switch: that cannot be said, because success is the switch; or when
 * it switches to something else.
 */
export function connectAnswer(fields: FieldList, protocol: string): FieldList {
  const status = fields[1] ?? '';
  if (status === '101') {
    if (!isAnswerTo(protocol, fieldValue(fields, 'upgrade') ?? '')) {
      throw new UnwritableError('a switch to a protocol that nobody asked for');
    }
    const answer = [':status', '200'];
    pushOthers(answer, fields, 'upgrade', 'content-length');
    return answer;
  }
  if (isSuccess(status)) throw new UnwritableError('a success that does not switch to the protocol asked for');
  return fields;
}

/** The answer to an upgrade that a success to a CONNECT stands for; undefined when it is none. */
export function upgradeAnswer(fields: FieldList, protocol: string): FieldList | undefined {
  if (!isSuccess(fieldValue(fields, ':status') ?? '')) return undefined;
  const answer = [':status', '101', 'upgrade', protocol];
  // A length means nothing here (RFC 9110 9.3.6), and the field upgrade is the connection's.
  pushOthers(answer, fields, 'content-length');
  return answer;
}

const WEBSOCKET = 'websocket';

function isSuccess(status: string): boolean {
  return status.length === 3 && status.startsWith('2');
}

/** All but the pseudo fields and those named. */
function pushOthers(to: string[], fields: FieldList, ...without: readonly string[]): void {
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] ?? '';
    if (!name.startsWith(':') && !without.includes(name)) to.push(name, fields[at + 1] ?? '');
  }
}
