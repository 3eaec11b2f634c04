import { isAuthority } from '../../authority.ts';
import { isForbiddenInTrailers } from '../../field-rules.ts';
import { COLON, CR, LF, SPACE, TAB, TARGET_OCTETS, TOKEN_OCTETS, VALUE_OCTETS } from '../../internal/octets.ts';
import {
  H1_FIELD_NAME_BYTES,
  H1_FIELDS,
  H1_HEAD_BYTES,
  H1_METHOD_BYTES,
  H1_START_LINE_BYTES,
  H1_TRAILER_BYTES,
  H1_TRAILER_FIELDS,
} from '../../limits.ts';
import { Http1Error } from '../errors.ts';
import { ConnectionOptions, withoutNamed } from './connection-options.ts';
import { contentLengthOf } from './content-length.ts';
import { FieldId, fieldIdOf, fieldNameOf, NAME_MULTIPLIER, SECRET_IDS, SINGLE_BITS } from './field-names.ts';
import { badNameOctet, badTargetOctet, badValueOctet, checkVersionOctet } from './octet-errors.ts';
import { requestTarget } from './request-target.ts';
import { TextCache } from './text-cache.ts';
import { upgradeProtocols } from '../../upgrade.ts';

export type Section = 'request' | 'response' | 'trailers';

/** Where a section goes on when its next octets arrive. */
const Phase = { method: 0, target: 1, version: 2, statusLine: 3, reasonPhrase: 4, name: 5, value: 6 } as const;

/** `HTTP/1.x` and CRLF; `HTTP/1.x`, space and three digits. */
const VERSION_LINE = Buffer.from('HTTP/1.1\r\n', 'latin1');
const VERSION_LINE_BYTES = 10;
const STATUS_LINE_BYTES = 12;

const VALUE_MULTIPLIER = 31;
const DIGIT_ZERO = 0x30;
const NO_FIELDS: string[] = [];

/** Shared by all parsers of the thread. */
const texts = new TextCache();

/**
 * Reads one head or trailer section in place, strictly (RFC 9112 2 to 5), in as many pieces as it comes in: octets that were
 * judged are not looked at again, but for the name or short start of the line at hand. What it means stands in the fields
 * below afterwards; how the message is framed is for the caller to judge.
 */
export class HeadParser {
  /** The section's fields; pseudo fields first. */
  fields: string[] = NO_FIELDS;
  method = '';
  status = 0;
  /** HTTP/1.0. */
  old = false;
  /** Declared length; -1 when there is none. */
  contentLength = -1;
  chunked = false;
  /** The client waits for 100 before it sends content. */
  expectsContinue = false;
  /** What the field Upgrade says. */
  upgrade = '';
  readonly options: ConnectionOptions = new ConnectionOptions();
  readonly #section: Section;
  readonly #scheme: string;
  readonly #maxBytes: number;
  readonly #maxFields: number;
  #phase: number = Phase.method;
  /** Where to go on, and where the token at hand begins, counted from the section's first octet. */
  #at = 0;
  #mark = 0;
  #hash = 0;
  #count = 0;
  #nameId = 0;
  #name = '';
  #single = 0;
  #target = '';
  #host: string | undefined;
  /** A host that was judged before. */
  #goodHost: string | undefined;
  #te = false;

  /** `scheme` is what `:scheme` of a request says. */
  constructor(section: Section, scheme = 'http') {
    this.#section = section;
    this.#scheme = scheme;
    this.#maxBytes = section === 'trailers' ? H1_TRAILER_BYTES : H1_HEAD_BYTES;
    this.#maxFields = section === 'trailers' ? H1_TRAILER_FIELDS : H1_FIELDS;
  }

  /** A new section begins. */
  begin(): void {
    this.fields = NO_FIELDS;
    this.method = '';
    this.status = 0;
    this.old = false;
    this.contentLength = -1;
    this.chunked = false;
    this.expectsContinue = false;
    this.upgrade = '';
    this.options.clear();
    this.#at = 0;
    this.#count = 0;
    this.#single = 0;
    this.#host = undefined;
    this.#te = false;
    this.#hash = 0;
    if (this.#section === 'request') this.#phase = Phase.method;
    else if (this.#section === 'response') this.#phase = Phase.statusLine;
    else {
      this.#phase = Phase.name;
      this.fields = [];
    }
  }

  /**
   * Reads on in `bytes[base, end)`, where `base` is the section's first octet in every call. Returns the offset behind the
   * section, or -1 when it is incomplete. Throws `Http1Error`.
   */
  parse(bytes: Buffer, base: number, end: number): number {
    const limit = base + this.#maxBytes;
    let at = base + this.#at;
    if (this.#phase < Phase.name) {
      at = this.#startLine(bytes, base, at, Math.min(end, base + H1_START_LINE_BYTES));
      if (at < 0) {
        if (end - base >= H1_START_LINE_BYTES)
          throw tooLong('start-line-too-long', 'a start line', H1_START_LINE_BYTES);
        return -1;
      }
    }
    at = this.#fieldLines(bytes, base, at, end < limit ? end : limit);
    if (at >= 0) {
      this.#finish();
      return at;
    }
    if (end < limit) return -1;
    throw this.#section === 'trailers'
      ? new Http1Error('trailers-too-large', `a trailer section beyond ${H1_TRAILER_BYTES} octets`, 431)
      : new Http1Error('head-too-large', `a head beyond ${H1_HEAD_BYTES} octets`, 431);
  }

  #startLine(bytes: Buffer, base: number, from: number, stop: number): number {
    if (this.#phase >= Phase.statusLine) return this.#responseLine(bytes, base, from, stop);
    let at = from;
    if (this.#phase === Phase.method) {
      let hash = 0;
      at = base;
      for (; at < stop; at++) {
        const octet = bytes[at] ?? 0;
        if (TOKEN_OCTETS[octet] === 0) break;
        hash = (Math.imul(hash, VALUE_MULTIPLIER) + octet) | 0;
      }
      if (at - base > H1_METHOD_BYTES) throw tooLong('method-too-long', 'a method', H1_METHOD_BYTES, 501);
      if (at === stop) return -1;
      if (bytes[at] !== SPACE || at === base) throw badNameOctet('a method', bytes[at] ?? 0, at === base, 'method');
      this.method = texts.text(bytes, base, at, hash);
      at++;
      this.#mark = at - base;
      this.#phase = Phase.target;
    }
    if (this.#phase === Phase.target) {
      let hash = this.#hash;
      for (; at < stop; at++) {
        const octet = bytes[at] ?? 0;
        if (TARGET_OCTETS[octet] === 0) break;
        hash = (Math.imul(hash, VALUE_MULTIPLIER) + octet) | 0;
      }
      if (at === stop) return this.#pause(base, at, hash);
      const start = base + this.#mark;
      if (bytes[at] !== SPACE || at === start) throw badTargetOctet(bytes[at] ?? 0, at === start);
      this.#target = texts.text(bytes, start, at, hash);
      at++;
      this.#at = at - base;
      this.#phase = Phase.version;
    }
    return this.#requestVersion(bytes, base, at, stop);
  }

  #requestVersion(bytes: Buffer, base: number, at: number, stop: number): number {
    const known = Math.min(VERSION_LINE_BYTES, stop - at);
    for (let index = 0; index < known; index++) {
      if (bytes[at + index] !== VERSION_LINE[index]) checkVersionOctet(bytes[at + index] ?? 0, index, false);
    }
    if (known < VERSION_LINE_BYTES) return -1;
    this.old = bytes[at + 7] === DIGIT_ZERO;
    this.#phase = Phase.name;
    this.#at = at + VERSION_LINE_BYTES - base;
    const target = this.#target;
    // The authority's place is filled at the end of the head.
    if (target.charCodeAt(0) === 0x2f && this.method !== 'CONNECT') {
      this.fields = [':method', this.method, ':scheme', this.#scheme, ':authority', '', ':path', target];
    } else {
      const form = requestTarget(this.method, target);
      this.#host = form.authority;
      this.fields = [':method', this.method, ':scheme', this.#scheme, ':authority', '', ':path', form.path];
    }
    return at + VERSION_LINE_BYTES;
  }

  #responseLine(bytes: Buffer, base: number, from: number, stop: number): number {
    let at = from;
    if (this.#phase === Phase.statusLine) {
      const known = Math.min(STATUS_LINE_BYTES, stop - base);
      for (let index = 0; index < known; index++) checkVersionOctet(bytes[base + index] ?? 0, index, true);
      // The octet behind the digits: a space, or the line's end where there is no phrase.
      at = base + STATUS_LINE_BYTES;
      if (stop <= at) return -1;
      if (bytes[at] !== SPACE && bytes[at] !== CR) throw badValueOctet('a status line', bytes[at] ?? 0, 'status-line');
      this.old = bytes[base + 7] === DIGIT_ZERO;
      const digits = bytes.toString('latin1', base + 9, at);
      this.status = Number(digits);
      this.fields = [':status', digits];
      this.#phase = Phase.reasonPhrase;
    }
    while (at < stop && VALUE_OCTETS[bytes[at] ?? 0] === 1) at++;
    if (at === stop) return this.#pause(base, at, 0);
    if (bytes[at] !== CR) throw badValueOctet('a status line', bytes[at] ?? 0, 'control-character');
    if (at + 1 === stop) return this.#pause(base, at, 0);
    if (bytes[at + 1] !== LF) throw new Http1Error('bare-cr', 'a status line with a CR that no LF follows');
    this.#phase = Phase.name;
    this.#at = at + 2 - base;
    return at + 2;
  }

  #fieldLines(bytes: Buffer, base: number, from: number, stop: number): number {
    let at = from;
    for (;;) {
      if (this.#phase === Phase.name) {
        const start = at;
        let hash = 0;
        let upper = 0;
        for (; at < stop; at++) {
          const octet = bytes[at] ?? 0;
          const lower = TOKEN_OCTETS[octet] ?? 0;
          if (lower === 0) break;
          hash = (Math.imul(hash, NAME_MULTIPLIER) + lower) | 0;
          upper |= lower ^ octet;
        }
        if (at - start > H1_FIELD_NAME_BYTES) throw tooLong('field-name-too-long', 'a field name', H1_FIELD_NAME_BYTES);
        if (at === stop) return this.#pause(base, start, 0);
        if (bytes[at] !== COLON || at === start) {
          if (bytes[at] !== CR || at > start)
            throw badNameOctet('a field name', bytes[at] ?? 0, at === start, 'field-name');
          if (at + 1 === stop) return this.#pause(base, start, 0);
          if (bytes[at + 1] !== LF) throw new Http1Error('bare-cr', 'a CR that no LF follows in place of a field');
          return at + 2;
        }
        this.#nameId = fieldIdOf(bytes, start, at, hash);
        if (this.#nameId !== FieldId.unknown) this.#name = fieldNameOf(this.#nameId);
        else if (upper === 0) this.#name = texts.text(bytes, start, at, hash);
        else this.#name = bytes.toString('latin1', start, at).toLowerCase();
        at++;
        if (at < stop && bytes[at] === SPACE) at++;
        this.#mark = at - base;
        this.#hash = 0;
        this.#phase = Phase.value;
      }
      let hash = this.#hash;
      for (; at < stop; at++) {
        const octet = bytes[at] ?? 0;
        if (VALUE_OCTETS[octet] === 0) break;
        hash = (Math.imul(hash, VALUE_MULTIPLIER) + octet) | 0;
      }
      if (at === stop) return this.#pause(base, at, hash);
      if (bytes[at] !== CR) throw badValueOctet(`the field ${this.#name}`, bytes[at] ?? 0, 'control-character');
      if (at + 1 === stop) return this.#pause(base, at, hash);
      if (bytes[at + 1] !== LF) throw new Http1Error('bare-cr', `the field ${this.#name} has a CR that no LF follows`);
      if (++this.#count > this.#maxFields) {
        throw new Http1Error('too-many-fields', `a section of more than ${this.#maxFields} fields`, 431);
      }
      this.#line(bytes, base + this.#mark, at, hash);
      at += 2;
      this.#phase = Phase.name;
      this.#hash = 0;
    }
  }

  #pause(base: number, at: number, hash: number): -1 {
    this.#at = at - base;
    this.#hash = hash;
    return -1;
  }

  /** One complete field line, its value still with white space around it. */
  #line(bytes: Buffer, from: number, to: number, hash: number): void {
    let start = from;
    let end = to;
    while (start < end && isSpace(bytes[start] ?? 0)) start++;
    while (end > start && isSpace(bytes[end - 1] ?? 0)) end--;
    const name = this.#name;
    const single = SINGLE_BITS[this.#nameId] ?? 0;
    let value = '';
    if (start === from && end === to && SECRET_IDS[this.#nameId] === 0) {
      if (start < end) value = texts.text(bytes, start, end, hash);
    } else value = bytes.toString('latin1', start, end);
    if (single !== 0) {
      if ((this.#single & single) !== 0)
        throw new Http1Error('field-twice', `two fields ${name}, of which there may be one`);
      this.#single |= single;
    }
    if (this.#section === 'trailers' && isForbiddenInTrailers(name)) {
      throw new Http1Error('trailer-field', `the field ${name} in trailers`);
    }
    if (this.#nameId === FieldId.unknown || this.#nameId >= FieldId.firstOrdinary) this.fields.push(name, value);
    else this.#special(name, value);
  }

  #special(name: string, value: string): void {
    switch (this.#nameId) {
      case FieldId.host:
        if (this.#section !== 'request') return void this.fields.push(name, value);
        return this.#onHost(value);
      case FieldId.contentLength:
        if (this.contentLength >= 0) throw new Http1Error('content-length-twice', 'two fields content-length');
        this.contentLength = contentLengthOf(value);
        return void this.fields.push(name, value);
      case FieldId.transferEncoding:
        if (this.chunked) throw new Http1Error('transfer-encoding-twice', 'two fields transfer-encoding');
        if (value.toLowerCase() !== 'chunked') {
          throw new Http1Error('transfer-encoding', 'a transfer-encoding other than chunked alone', 501);
        }
        this.chunked = true;
        return;
      case FieldId.connection:
        return this.options.add(value);
      case FieldId.te:
        this.#te ||= value
          .toLowerCase()
          .split(',')
          .some((coding) => coding.trim() === 'trailers');
        return;
      case FieldId.expect:
        this.expectsContinue = !this.old && value.toLowerCase() === '100-continue';
        return void this.fields.push(name, value);
      case FieldId.upgrade:
        this.upgrade = this.upgrade === '' ? value : `${this.upgrade}, ${value}`;
        return;
      default:
        // Keep-Alive, Proxy-Connection, HTTP2-Settings: for this connection only, and none is used.
        return;
    }
  }

  /**
   * Upgrade is for this connection, so that Connection must name it (RFC 9110 7.8). Stands among the fields then: of requests
   * that are of HTTP/1.1 and without content, and of the answer 101.
   */
  #judgeUpgrade(): void {
    const named = this.options.named?.includes('upgrade') === true;
    const possible =
      this.#section === 'request'
        ? !this.old && this.method !== 'CONNECT' && !this.chunked && this.contentLength <= 0
        : this.status === 101;
    const protocols = named && possible ? upgradeProtocols(this.upgrade) : undefined;
    this.upgrade = protocols ?? '';
    if (protocols !== undefined) this.fields.push('upgrade', protocols);
  }

  #onHost(value: string): void {
    if ((this.#single & HOST_SEEN) !== 0) throw new Http1Error('host-twice', 'two fields host');
    this.#single |= HOST_SEEN;
    if (value !== this.#goodHost && !isAuthority(value))
      throw new Http1Error('host', 'a host that is not host or host:port');
    if (this.#host !== undefined && this.#host.toLowerCase() !== value.toLowerCase()) {
      throw new Http1Error('absolute-form-mismatch', 'a request target whose authority is not that of the field host');
    }
    this.#goodHost = value;
    this.#host = value;
  }

  /** Judges the section as a whole. */
  #finish(): void {
    if (this.chunked) {
      if (this.contentLength >= 0) {
        throw new Http1Error('content-length-with-transfer-encoding', 'both content-length and transfer-encoding');
      }
      if (this.old) throw new Http1Error('transfer-encoding-in-http-1.0', 'a transfer-encoding in HTTP/1.0');
    }
    if (this.#section === 'request') {
      const host = this.#host;
      if (!this.old && (this.#single & HOST_SEEN) === 0) throw new Http1Error('host-missing', 'HTTP/1.1 without host');
      if (host === undefined) this.fields.splice(4, 2);
      else this.fields[5] = host;
    }
    if (this.options.named !== undefined) this.fields = withoutNamed(this.fields, this.options.named);
    if (this.#te) this.fields.push('te', 'trailers');
    if (this.upgrade !== '') this.#judgeUpgrade();
  }
}

/** Beside the bits of `SINGLE_BITS`. */
const HOST_SEEN: number = 1 << 30;

function isSpace(octet: number): boolean {
  return octet === SPACE || octet === TAB;
}

function tooLong(
  reason: 'start-line-too-long' | 'method-too-long' | 'field-name-too-long',
  what: string,
  limit: number,
  status: number = reason === 'start-line-too-long' ? 414 : 431,
): Http1Error {
  return new Http1Error(reason, `${what} beyond ${limit} octets`, status);
}
