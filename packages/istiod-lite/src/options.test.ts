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

  it('reads Kubernetes without a directory, open to the network for probes, in the namespace of its pod', () => {
    expect(readOptions([], { POD_NAMESPACE: 'mesh', POD_NAME: 'istiod-1' })).toMatchObject({
      configDirs: [],
      podName: 'istiod-1',
      rootNamespace: 'mesh',
      statusListen: { ip: '0.0.0.0', port: 15_014 },
      trustedNodeAccounts: ['mesh/ztunnel'],
      waypointImage: expect.stringMatching(/^ghcr\.io\/ambit-mesh\/waypoint:\d+\.\d+\.\d+$/) as string,
    });
    expect(readOptions(REQUIRED, {})).toMatchObject({
      rootNamespace: 'istio-system',
      statusListen: { ip: '127.0.0.1', port: 15_014 },
    });
    expect(readOptions(['--waypoint-image', 'mine:1'], {}).waypointImage).toBe('mine:1');
    expect([{}, { REVISION: '' }, { REVISION: 'blue' }].map((env) => readOptions([], env).revision)).toEqual([
      'default',
      'default',
      'blue',
    ]);
  });

  it.each<[string, string[], Record<string, string>, RegExp]>([
    [
      'an unknown normalisation',
      [...REQUIRED, '--path-normalization', 'base'],
      {},
      /PATH_NORMALIZATION.*must be one of/,
    ],
    ['a revision that no label can carry', [...REQUIRED, '--revision', 'Blue!'], {}, /REVISION.*lower-case/],
    ['keys without a directory', ['--token-key', '/k'], {}, /--token-key goes with --config-dir/],
    ['a CA of files without a directory', ['--ca-dir', '/k'], {}, /--ca-dir goes with --config-dir/],
    [
      'a webhook for a directory',
      [...REQUIRED, '--validation-webhook-config-name', 'w'],
      {},
      /--validation-webhook-config-name goes with Kubernetes only/,
    ],
    ['no token key: there is no anonymous way', ['--config-dir', '/m'], {}, /--token-key/],
    ['an unknown option', [...REQUIRED, '--insecure'], {}, /insecure/],
    ['a wrong address', REQUIRED, { LISTEN: 'localhost:1' }, /LISTEN="localhost:1"/],
    ['a wrong level', REQUIRED, { LOG_LEVEL: 'loud' }, /LOG_LEVEL/],
    ['a stray word', [...REQUIRED, 'x'], {}, /x/],
  ])('refuses %s', (_name, args, environment, message) => {
    expect(() => readOptions(args, environment)).toThrow(message);
  });
});
