import { parseIp } from '@ambit/core/address';
import { describe, expect, it } from 'vitest';
import { forbiddenAddress } from './fetch-guard.ts';

describe('an address from which keys', () => {
  it.each([
    '127.0.0.1',
    '127.255.0.3',
    '::1',
    '::ffff:127.0.0.1',
    '0.0.0.0',
    '0.1.2.3',
    '::',
    '169.254.169.254',
    '::ffff:169.254.169.254',
    'fe80::1',
    'febf::1',
    '224.0.0.1',
    '239.255.255.250',
    '255.255.255.255',
    'ff02::1',
    '100.100.100.200',
    '192.0.0.192',
    '168.63.129.16',
    'fd00:ec2::254',
    'fd20:ce::254',
    '::7f00:1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b::7f00:1',
    '2002:7f00:1::1',
    '2002:a9fe:a9fe::',
  ])('are not fetched: %s', (text) => {
    const ip = parseIp(text);
    expect(ip).toBeDefined();
    expect(forbiddenAddress(ip ?? '')).toEqual(expect.any(String));
  });

  it.each([
    '10.96.0.1',
    '192.168.1.1',
    '172.16.0.1',
    '100.64.0.1',
    '240.240.0.1',
    '192.0.2.1',
    'fd00::1',
    '2001:db8::1',
    '64:ff9b::c000:201',
    '2002:c000:201::1',
  ])('are fetched: %s', (text) => {
    expect(forbiddenAddress(parseIp(text) ?? '')).toBeUndefined();
  });
});
