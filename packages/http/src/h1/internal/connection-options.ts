import { consistsOf, TOKEN_OCTETS } from '../../internal/octets.ts';
import { H1_CONNECTION_OPTIONS } from '../../limits.ts';
import { Http1Error } from '../errors.ts';

/** Fields that no Connection field can take away: they say what the message is (RFC 9110 7.6.1). */
const INDISPENSABLE: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'content-type',
  'expect',
  'authorization',
  'cookie',
]);

/** What the Connection fields of a head say. */
export class ConnectionOptions {
  close = false;
  keepAlive = false;
  /** Other fields that are for this connection only. */
  named: string[] | undefined = undefined;
  #count = 0;

  clear(): void {
    this.close = false;
    this.keepAlive = false;
    this.named = undefined;
    this.#count = 0;
  }

  /** Takes one Connection field. Throws `Http1Error`. */
  add(value: string): void {
    for (const part of value.toLowerCase().split(',')) {
      const option = part.trim();
      // An empty element of a list means nothing (RFC 9110 5.6.1).
      if (option === '') continue;
      if (++this.#count > H1_CONNECTION_OPTIONS) {
        throw new Http1Error('connection-option', `more than ${H1_CONNECTION_OPTIONS} connection options`);
      }
      if (option === 'close') this.close = true;
      else if (option === 'keep-alive') this.keepAlive = true;
      else if (!consistsOf(option, TOKEN_OCTETS) || INDISPENSABLE.has(option)) {
        throw new Http1Error(
          'connection-option',
          'a connection option that is not a token, or names a field that has to stay',
        );
      } else (this.named ??= []).push(option);
    }
  }
}

/** The fields without those that hold for one connection. */
export function withoutNamed(fields: readonly string[], named: readonly string[]): string[] {
  const left: string[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] ?? '';
    if (!named.includes(name)) left.push(name, fields[at + 1] ?? '');
  }
  return left;
}
