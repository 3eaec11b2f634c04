import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { selfTest } from './self-test.ts';

it('finds everything in order on this machine and leaves nothing open', () => {
  const before = readdirSync('/proc/self/fd').length;
  const openssl = selfTest();
  expect(openssl.text).toMatch(/^OpenSSL [34]\./);
  expect(readdirSync('/proc/self/fd').length).toBe(before);
});

it('uses the OpenSSL of the runtime when that exports it', () => {
  expect(selfTest().origin).toBe('runtime');
  expect(selfTest().text).toContain(process.versions.openssl);
});
