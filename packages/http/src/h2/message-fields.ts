import { isAuthority } from '../authority.ts';
import { isConnectionField, isForbiddenInTrailers, singleFieldBit } from '../field-rules.ts';
import { consistsOf, TARGET_OCTETS } from '../internal/octets.ts';

/** Fields as name, value, name, value… in order of arrival, names in lower case, one character per octet. */
export type FieldList = readonly string[];

/** What the rules of HTTP/2 say about a header section beyond its octets. */
export interface FieldFacts {
  /** Why the section is malformed (RFC 9113 8.1.1); undefined when it is not. */
  problem: string | undefined;
  /** Bits of fields seen that may come once only. */
  single: number;
  /** Declared Content-Length; -1 when there is none. */
  contentLength: number;
  /** Request: CONNECT. */
  connect: boolean;
  /** Response: the status code. */
  status: number;
}

/** RFC 9110 7.8. */
const TOKEN_AND_VERSION = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+(\/[!#$%&'*+\-.^_`|~0-9A-Za-z]+)?$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// RFC 3986 3.1; what is passed on as x-forwarded-proto and in Location must not read as anything else.
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*$/;
const STATUS = /^[1-9][0-9]{2}$/;
const DIGITS = /^[0-9]{1,15}$/;

/** First value of `name`; undefined when it is absent. */
export function fieldValue(fields: FieldList, name: string): string | undefined {
  for (let at = 0; at + 1 < fields.length; at += 2) {
    if (fields[at] === name) return fields[at + 1];
  }
  return undefined;
}

/** Octets of a field list as RFC 9113 6.5.2 counts them: those of names and values, and 32 for each field. */
export function fieldListSize(fields: FieldList): number {
  let size = fields.length * 16;
  for (const text of fields) size += text.length;
  return size;
}

/**
 * Judges a request's header section (RFC 9113 8.2.2, 8.3.1, 8.5) and fills `facts`. `connectProtocol`: CONNECT may name a
 * protocol (RFC 8441 4).
 */
export function checkRequest(fields: FieldList, facts: FieldFacts, connectProtocol: boolean): void {
  clear(facts);
  let method: string | undefined;
  let scheme: string | undefined;
  let authority: string | undefined;
  let path: string | undefined;
  let protocol: string | undefined;
  let host: string | undefined;
  let regular = false;
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] ?? '';
    const value = fields[at + 1] ?? '';
    if (!name.startsWith(':')) {
      regular = true;
      if (name === 'host') {
        if (host !== undefined) return malformed(facts, 'two Host fields');
        host = value;
      }
      checkRegular(name, value, facts);
      if (facts.problem !== undefined) return;
      continue;
    }
    if (regular) return malformed(facts, `${name} stands behind a regular field`);
    let previous: string | undefined;
    switch (name) {
      case ':method':
        previous = method;
        method = value;
        break;
      case ':scheme':
        previous = scheme;
        scheme = value;
        break;
      case ':authority':
        previous = authority;
        authority = value;
        break;
      case ':path':
        previous = path;
        path = value;
        break;
      case ':protocol':
        if (!connectProtocol) return malformed(facts, ':protocol, which nobody offered');
        previous = protocol;
        protocol = value;
        break;
      default:
        return malformed(facts, `${name} is not a pseudo-header of requests`);
    }
    if (previous !== undefined) return malformed(facts, `${name} is given twice`);
  }
  if (method === undefined || !TOKEN.test(method)) return malformed(facts, ':method is missing or not a token');
  if (authority !== undefined && (authority.includes('@') || authority.includes(' '))) {
    return malformed(facts, ':authority contains user information or a space');
  }
  if (host !== undefined && authority !== undefined && host.toLowerCase() !== authority.toLowerCase()) {
    return malformed(facts, 'Host and :authority differ');
  }
  if (protocol !== undefined) {
    if (method !== 'CONNECT') return malformed(facts, ':protocol with another method than CONNECT');
    if (!TOKEN_AND_VERSION.test(protocol)) return malformed(facts, ':protocol is not the name of one');
    // It has none (RFC 9110 9.3.6), and behind a translation to HTTP/1 would say that it has.
    if (facts.contentLength >= 0) return malformed(facts, 'content-length with :protocol');
    facts.connect = true;
  } else if (method === 'CONNECT') {
    facts.connect = true;
    facts.contentLength = -1;
    if (scheme !== undefined || path !== undefined) return malformed(facts, 'CONNECT with :scheme or :path');
    if (authority === undefined || authority === '') return malformed(facts, 'CONNECT without :authority');
    return;
  }
  if (scheme !== 'http' && scheme !== 'https' && !SCHEME.test(scheme ?? ''))
    return malformed(facts, ':scheme is missing or no scheme');
  if (path === undefined || path === '') return malformed(facts, ':path is missing or empty');
  if (!path.startsWith('/') && !(path === '*' && method === 'OPTIONS')) {
    return malformed(facts, ':path does not begin with a slash');
  }
  // Nothing that would read as more than a target, or a shorter one, behind a translation to HTTP/1.
  if (!consistsOf(path, TARGET_OCTETS)) return malformed(facts, ':path has a space or an illegal character');
  const named = authority ?? host;
  if (named !== undefined && !isAuthority(named)) return malformed(facts, ':authority is not host or host:port');
}

/** Judges a response's header section (RFC 9113 8.3.2) and fills `facts`. */
export function checkResponse(fields: FieldList, facts: FieldFacts): void {
  clear(facts);
  let status: string | undefined;
  let regular = false;
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] ?? '';
    const value = fields[at + 1] ?? '';
    if (!name.startsWith(':')) {
      regular = true;
      checkRegular(name, value, facts);
      if (facts.problem !== undefined) return;
    } else if (name !== ':status' || status !== undefined || regular) {
      return malformed(facts, `${name} is misplaced, repeated or not a pseudo-header of responses`);
    } else {
      status = value;
    }
  }
  if (status === undefined || !STATUS.test(status)) return malformed(facts, ':status is missing or not a status code');
  facts.status = Number(status);
  // Switching protocols does not exist in HTTP/2 (RFC 9113 8.6).
  if (facts.status === 101) malformed(facts, 'status 101');
}

/** Judges a trailer section (RFC 9113 8.1) and fills `facts`. */
export function checkTrailers(fields: FieldList, facts: FieldFacts): void {
  clear(facts);
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] ?? '';
    if (name.startsWith(':') || isForbiddenInTrailers(name)) return malformed(facts, `${name} in trailers`);
    checkRegular(name, fields[at + 1] ?? '', facts);
    if (facts.problem !== undefined) return;
  }
}

/** Fields of one connection are forbidden (RFC 9113 8.2.2), and those given twice of which there may be one. */
function checkRegular(name: string, value: string, facts: FieldFacts): void {
  if (isConnectionField(name)) return malformed(facts, `the field ${name} belongs to HTTP/1`);
  const single = singleFieldBit(name);
  if (single !== 0) {
    if ((facts.single & single) !== 0) return malformed(facts, `two fields ${name}, of which there may be one`);
    facts.single |= single;
  } else if (name === 'te') {
    if (value.toLowerCase() !== 'trailers') malformed(facts, 'the field te says something other than trailers');
  } else if (name === 'content-length') {
    if (facts.contentLength >= 0 || !DIGITS.test(value)) {
      return malformed(facts, 'content-length is not a number or given twice');
    }
    facts.contentLength = Number(value);
  }
}

function clear(facts: FieldFacts): void {
  facts.problem = undefined;
  facts.single = 0;
  facts.contentLength = -1;
  facts.connect = false;
  facts.status = 0;
}

function malformed(facts: FieldFacts, problem: string): void {
  facts.problem = problem;
}
