import { COLON, CR, LF, SPACE, TAB } from '../../internal/octets.ts';
import { Http1Error, type Http1Reason } from '../errors.ts';

const VERSION = 'HTTP/1.';
const DIGIT_ZERO = 0x30;

function isDigit(octet: number): boolean {
  return octet >= DIGIT_ZERO && octet <= 0x39;
}

/** Why `octet` may not stand in a token; `first` when it would be the first of its line. */
export function badNameOctet(what: string, octet: number, first: boolean, reason: 'method' | 'field-name'): Http1Error {
  if (octet === LF) return new Http1Error('bare-lf', `${what} that ends with an LF alone`);
  if (octet === SPACE || octet === TAB) {
    if (reason === 'method') return new Http1Error('space-in-start-line', 'white space before or in the request line');
    if (first) return new Http1Error('obs-fold', 'a line that begins with white space');
    return new Http1Error('space-before-colon', 'white space between a field name and its colon');
  }
  if (octet === CR)
    return new Http1Error(reason, first ? `an empty line in place of ${what}` : `${what} that a CR cuts off`);
  if (octet < SPACE || octet === 0x7f) return new Http1Error('control-character', `${what} with a control character`);
  if (octet === COLON && first) return new Http1Error('empty-field-name', 'a line without a field name');
  return new Http1Error(reason, `${what} with an illegal character`);
}

/** Why `octet` may not stand in a request target. */
export function badTargetOctet(octet: number, first: boolean): Http1Error {
  if (octet === LF) return new Http1Error('bare-lf', 'a request line that ends with an LF alone');
  if (octet === TAB || (octet === SPACE && first)) {
    return new Http1Error('space-in-start-line', 'white space other than one space in the request line');
  }
  if (octet === CR) return new Http1Error('version', 'a request line without a version');
  if (octet < SPACE || octet === 0x7f)
    return new Http1Error('control-character', 'a request target with a control character');
  return new Http1Error('target', 'a request target with an illegal character');
}

/** Why `octet` may not stand in a value. */
export function badValueOctet(what: string, octet: number, reason: Http1Reason): Http1Error {
  if (octet === LF) return new Http1Error('bare-lf', `${what} ends with an LF alone`);
  return new Http1Error(reason, `${what} has an illegal character`);
}

/**
 * Holds octet `index` of `HTTP/1.x`, followed by CRLF (request) or by a space and the status (response), against what it has
 * to be. Throws `Http1Error`.
 */
export function checkVersionOctet(octet: number, index: number, response: boolean): void {
  if (index === 7 ? octet === 0x31 || octet === DIGIT_ZERO : octet === VERSION.charCodeAt(index)) return;
  if (index === 5 || index === 7) {
    throw isDigit(octet)
      ? new Http1Error('version', 'a version other than HTTP/1.1 and HTTP/1.0', 505)
      : new Http1Error('version', 'a malformed version');
  }
  if (index >= 8) {
    if (response) {
      const fits = index === 8 ? octet === SPACE : index === 9 ? isDigit(octet) && octet > DIGIT_ZERO : isDigit(octet);
      if (fits) return;
      throw new Http1Error('status-line', 'a malformed status line');
    }
    if (octet === (index === 8 ? CR : LF)) return;
    if (index === 9) throw new Http1Error('bare-cr', 'a request line whose CR no LF follows');
    if (octet === SPACE || octet === TAB) throw new Http1Error('space-in-start-line', 'white space behind the version');
  }
  if (octet === LF) throw new Http1Error('bare-lf', 'a start line that ends with an LF alone');
  throw new Http1Error(response ? 'status-line' : 'version', 'a malformed version');
}
