import { describe, expect, it } from 'vitest';
import { readOptions } from './options.ts';

const REQUIRED = ['--config-dir', '/m', '--token-key', '/k'];

describe('readOptions', () => {
  it('takes options over environment over defaults', () => {
    const options = readOptions([...REQUIRED, '--config-dir=/n', '--max-cert-ttl', '1h'], {
      NETWORK: 'west',
      CONFIG_DIR: '/x',
      LISTEN: '[::]:0',
    });
    expect(options).toMatchObject({
      configDirs: ['/m', '/n'],
      maxCertTtl: 3_600_000,
      network: 'west',
      listen: { ip: '::', port: 0 },
      trustedNodeAccounts: ['istio-system/ztunnel'],
    });
  });

  it.each<[string, string[], Record<string, string>, RegExp]>([
    ['no directory', ['--token-key', '/k'], {}, /--config-dir/],
    ['no token key: there is no anonymous way', ['--config-dir', '/m'], {}, /--token-key/],
    ['an unknown option', [...REQUIRED, '--insecure'], {}, /insecure/],
    ['a wrong address', REQUIRED, { LISTEN: 'localhost:1' }, /LISTEN="localhost:1"/],
    ['a wrong level', REQUIRED, { LOG_LEVEL: 'loud' }, /LOG_LEVEL/],
    ['a stray word', [...REQUIRED, 'x'], {}, /x/],
  ])('refuses %s', (_name, args, environment, message) => {
    expect(() => readOptions(args, environment)).toThrow(message);
  });
});
