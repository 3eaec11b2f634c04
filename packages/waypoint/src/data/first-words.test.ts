import { describe, expect, it } from 'vitest';
import { spokenProtocol } from './first-words.ts';

function spoken(text: string, http = false): string {
  const bytes = Buffer.from(`..${text}..`, 'latin1');
  return spokenProtocol(bytes, 2, bytes.length - 2, http);
}

describe('the first words of a client', () => {
  it.each([
    ['GET / HTTP/1.1\r\n', 'http1'],
    ['PROPFIND /a HTTP/1.1\r\n', 'http1'],
    ['SET key value\r\n', 'tcp'],
    ['NICK x\r\n', 'tcp'],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'http2'],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0', 'http2'],
    ['PRI * HT', 'more'],
    ['', 'more'],
    ['GE', 'more'],
    ['EHLO', 'tcp'],
    ['POS', 'more'],
    ['get / HTTP/1.1', 'tcp'],
    [' GET /', 'tcp'],
    ['\x16\x03\x01\x02\0', 'tcp'],
    ['ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'tcp'],
    ['*1\r\n$4\r\nPING\r\n', 'tcp'],
  ])('%j is %s on a port of undeclared protocol', (text, expected) => {
    expect(spoken(text)).toBe(expected);
  });

  it.each([
    ['GE', 'http1'],
    ['P', 'more'],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'http2'],
    ['PRINT', 'http1'],
    ['\x16\x03\x01', 'http1'],
  ])('%j is %s on a port declared as HTTP', (text, expected) => {
    expect(spoken(text, true)).toBe(expected);
  });
});
