import { isAuthority } from '../../authority.ts';
import { isConnectionField, isForbiddenInTrailers } from '../../field-rules.ts';
import type { FieldList } from '../../h2/message-fields.ts';
import type { BoundedOutput } from '../../internal/bounded-output.ts';
import {
  COLON,
  consistsOf,
  CR,
  LF,
  SPACE,
  TAB,
  TARGET_OCTETS,
  TOKEN_OCTETS,
  VALUE_OCTETS,
} from '../../internal/octets.ts';
import { UnwritableError } from '../../unwritable.ts';
import { MAX_STATUS_LINE_BYTES, statusLine } from './status-line.ts';
import { upgradeProtocols } from '../../upgrade.ts';

/** What a head says of the connection. */
export type Persistence = 'implied' | 'keep-alive' | 'close';

/** Octets beside the fields: version, framing and connection fields, line ends. */
const SLACK_BYTES: number = 192 + MAX_STATUS_LINE_BYTES;
/** Colon, space, CR, LF. */
const LINE_BYTES = 4;

const VERSION_LINE = Buffer.from(' HTTP/1.1\r\n', 'latin1');
const CHUNKED_LINE = Buffer.from('transfer-encoding: chunked\r\n', 'latin1');
const NO_CONTENT_LINE = Buffer.from('content-length: 0\r\n', 'latin1');
const CLOSE_LINE = Buffer.from('connection: close\r\n', 'latin1');
const KEEP_ALIVE_LINE = Buffer.from('connection: keep-alive\r\n', 'latin1');
const TE_LINE = Buffer.from('connection: te\r\n', 'latin1');
const CLOSE_TE_LINE = Buffer.from('connection: close, te\r\n', 'latin1');
const UPGRADE_LINE = Buffer.from('connection: upgrade\r\n', 'latin1');
const UPGRADE_TE_LINE = Buffer.from('connection: upgrade, te\r\n', 'latin1');
const LAST_CHUNK = Buffer.from('0\r\n', 'latin1');

/**
 * How the content is announced: not at all (`content-length` among the fields, or none), as empty, in chunks. `upgrade`: there
 * is none, and the field upgrade says what comes instead.
 */
export type Announcement = 'none' | 'empty' | 'chunked' | 'upgrade';

/**
 * Writes heads and trailers octet by octet, judging each: whatever would read as another message than the one it is given is
 * refused with `UnwritableError`, and nothing of it was written.
 */
export class HeadWriter {
  readonly #output: BoundedOutput;
  #bytes: Buffer;
  #at = 0;
  #te = false;
  #upgrade = false;

  constructor(output: BoundedOutput) {
    this.#output = output;
    this.#bytes = output.bytes;
  }

  /** False when the output overflowed. */
  request(fields: FieldList, announcement: Announcement, persistence: Persistence): boolean {
    let method = '';
    let authority = '';
    let path = '';
    let pseudo = 0;
    for (; pseudo + 1 < fields.length; pseudo += 2) {
      const name = fields[pseudo] ?? '';
      const value = fields[pseudo + 1] ?? '';
      if (name === ':method' && method === '') method = value;
      else if (name === ':authority' && authority === '') authority = value;
      else if (name === ':path' && path === '') path = value;
      else if (name !== ':scheme') break;
    }
    if (method === '' || !consistsOf(method, TOKEN_OCTETS)) throw new UnwritableError(':method is not a token');
    if (method === 'CONNECT') throw new UnwritableError('CONNECT is not sent as HTTP/1');
    if (!isAuthority(authority)) throw new UnwritableError(':authority is not host or host:port');
    if (path.charCodeAt(0) !== 0x2f && !(path === '*' && method === 'OPTIONS')) {
      throw new UnwritableError(':path does not begin with a slash');
    }
    if (!consistsOf(path, TARGET_OCTETS)) throw new UnwritableError(':path has a space or an illegal character');
    if (!this.#begin(fields)) return false;
    this.#text(method);
    this.#put(SPACE);
    this.#text(path);
    this.#raw(VERSION_LINE);
    this.#field('host', authority);
    this.#upgrade = announcement === 'upgrade';
    this.#fields(fields, pseudo, authority);
    this.#announce(announcement);
    if (this.#upgrade) this.#raw(this.#te ? UPGRADE_TE_LINE : UPGRADE_LINE);
    else if (this.#te) this.#raw(persistence === 'close' ? CLOSE_TE_LINE : TE_LINE);
    else if (persistence === 'close') this.#raw(CLOSE_LINE);
    this.#end();
    return true;
  }

  /** False when the output overflowed. */
  response(status: number, fields: FieldList, announcement: Announcement, persistence: Persistence): boolean {
    if (!this.#begin(fields)) return false;
    this.#raw(statusLine(status));
    this.#upgrade = announcement === 'upgrade';
    this.#fields(fields, 2, '');
    this.#announce(announcement);
    if (this.#upgrade) this.#raw(UPGRADE_LINE);
    else if (persistence !== 'implied') this.#raw(persistence === 'close' ? CLOSE_LINE : KEEP_ALIVE_LINE);
    this.#end();
    return true;
  }

  /** The last chunk and the trailers. False when the output overflowed. */
  trailers(fields: FieldList): boolean {
    for (let at = 0; at + 1 < fields.length; at += 2) {
      const name = fields[at] ?? '';
      if (isForbiddenInTrailers(name)) throw new UnwritableError(`the field ${name} is not for trailers`);
    }
    if (!this.#begin(fields)) return false;
    this.#raw(LAST_CHUNK);
    this.#fields(fields, 0, '');
    this.#end();
    return true;
  }

  #begin(fields: FieldList): boolean {
    let bound = SLACK_BYTES;
    for (const text of fields) bound += text.length + LINE_BYTES;
    if (!this.#output.reserve(bound)) return false;
    this.#bytes = this.#output.bytes;
    this.#at = this.#output.at;
    this.#te = false;
    this.#upgrade = false;
    return true;
  }

  #end(): void {
    this.#put(CR);
    this.#put(LF);
    this.#output.commit(this.#at - this.#output.at);
  }

  #announce(announcement: Announcement): void {
    if (announcement === 'chunked') this.#raw(CHUNKED_LINE);
    else if (announcement === 'empty') this.#raw(NO_CONTENT_LINE);
  }

  #fields(fields: FieldList, from: number, authority: string): void {
    let cookies: string | undefined;
    for (let at = from; at + 1 < fields.length; at += 2) {
      const name = fields[at] ?? '';
      const value = fields[at + 1] ?? '';
      switch (name) {
        case 'cookie':
          // HTTP/2 may cut it in pieces (RFC 9113 8.2.3); here there is one.
          cookies = cookies === undefined ? value : `${cookies}; ${value}`;
          continue;
        case 'host':
          if (authority === '' || value.toLowerCase() !== authority.toLowerCase()) {
            throw new UnwritableError('a field host that is not :authority');
          }
          continue;
        case 'te':
          if (value.toLowerCase() !== 'trailers') throw new UnwritableError('a field te other than trailers');
          this.#te = true;
          break;
        case 'upgrade':
          if (!this.#upgrade || upgradeProtocols(value) !== value) {
            throw new UnwritableError('a field upgrade where nothing is switched to, or of what cannot be');
          }
          break;
        default:
          if (isConnectionField(name)) throw new UnwritableError(`the field ${name} is the connection's own`);
      }
      this.#field(name, value);
    }
    if (cookies !== undefined) this.#field('cookie', cookies);
  }

  #field(name: string, value: string): void {
    const bytes = this.#bytes;
    let out = this.#at;
    if (name.length === 0) throw new UnwritableError('a field without a name');
    for (let at = 0; at < name.length; at++) {
      const octet = TOKEN_OCTETS[name.charCodeAt(at)] ?? 0;
      if (octet === 0) throw new UnwritableError('a field name with an illegal character');
      bytes[out++] = octet;
    }
    bytes[out++] = COLON;
    bytes[out++] = SPACE;
    const begin = out;
    for (let at = 0; at < value.length; at++) {
      const octet = value.charCodeAt(at);
      if ((VALUE_OCTETS[octet] ?? 0) === 0) throw new UnwritableError(`the field ${name} has an illegal character`);
      bytes[out++] = octet;
    }
    if (out > begin && (isSpace(bytes[begin] ?? 0) || isSpace(bytes[out - 1] ?? 0))) {
      throw new UnwritableError(`the field ${name} begins or ends with white space`);
    }
    bytes[out++] = CR;
    bytes[out++] = LF;
    this.#at = out;
  }

  /** Text whose characters were judged. */
  #text(text: string): void {
    const bytes = this.#bytes;
    let out = this.#at;
    for (let at = 0; at < text.length; at++) bytes[out++] = text.charCodeAt(at);
    this.#at = out;
  }

  #raw(source: Buffer): void {
    const bytes = this.#bytes;
    let out = this.#at;
    for (let at = 0; at < source.length; at++) bytes[out++] = source[at] ?? 0;
    this.#at = out;
  }

  #put(octet: number): void {
    this.#bytes[this.#at++] = octet;
  }
}

function isSpace(octet: number): boolean {
  return octet === SPACE || octet === TAB;
}
