import { describe, expect, it } from 'vitest';
import { isAuthority } from './authority.ts';

describe('an authority is host or host:port and nothing else', () => {
  it.each([
    'a',
    'a.b-c_d~e',
    'A.B',
    '10.0.0.1',
    '10.0.0.1:80',
    'a:0',
    'a:65535',
    '[::1]',
    '[fd00::1]:8080',
    'a.',
    'x'.repeat(255),
  ])('takes %s', (text) => {
    expect(isAuthority(text)).toBe(true);
  });

  it.each([
    '',
    ':80',
    'a:',
    'a:b',
    'a:65536',
    'a:123456',
    'a:+1',
    'u@a',
    'a/b',
    'a?b',
    'a#b',
    'a b',
    'a,b',
    'a%2e',
    'a\\b',
    'a:1:2',
    '::1',
    '[]',
    '[::1',
    '[::1]x',
    '[::1%25eth0]',
    '[g::1]',
    'a\r\n',
    'a\0',
    '\xe4',
    '\u0161',
    'x'.repeat(256),
  ])('refuses %j', (text) => {
    expect(isAuthority(text)).toBe(false);
  });
});
