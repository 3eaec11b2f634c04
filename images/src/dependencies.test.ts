import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dependenciesOf } from './dependencies.ts';
import { sharedPackages } from './dependency-portions.ts';
import { Repository } from './test-repository.ts';

describe('what a program needs to run', () => {
  let repository: Repository;

  beforeEach(() => {
    repository = new Repository();
    repository.write('packages/program/package.json', {
      name: '@ours/program',
      dependencies: { '@ours/core': '1.0.0', web: '1.0.0' },
      devDependencies: { tester: '1.0.0' },
    });
    repository.write('packages/core/package.json', { name: '@ours/core', dependencies: { log: '1.0.0' } });
    repository.link('node_modules/@ours/core', 'packages/core');
    repository.write('node_modules/log/package.json', { name: 'log', version: '2.0.0' });
    repository.write('node_modules/tester/package.json', { name: 'tester' });
    repository.write('node_modules/web/package.json', {
      name: 'web',
      dependencies: { log: '1.0.0', faster: '1.0.0' },
      optionalDependencies: { faster: '1.0.0', native: '1.0.0' },
      peerDependencies: { compiler: '1.0.0' },
      peerDependenciesMeta: { compiler: { optional: true } },
    });
    repository.write('node_modules/web/node_modules/log/package.json', { name: 'log', version: '1.0.0' });
    repository.write('node_modules/native/package.json', { name: 'native' });
    repository.write('node_modules/compiler/package.json', { name: 'compiler' });
  });
  afterEach(() => {
    repository.remove();
  });

  it('is found where Node finds it, without what only development needs', () => {
    expect(dependenciesOf(repository.root, ['packages/program'])).toEqual({
      workspaces: ['packages/core', 'packages/program'],
      packages: ['node_modules/log', 'node_modules/native', 'node_modules/web', 'node_modules/web/node_modules/log'],
    });
  });

  it('is named when it is not installed', () => {
    repository.write('packages/core/package.json', { name: '@ours/core', dependencies: { gone: '1.0.0' } });
    expect(() => dependenciesOf(repository.root, ['packages/program'])).toThrow(
      expect.objectContaining({
        code: 'AMBIT_IMAGE_MISSING',
        message: expect.stringContaining('gone, which packages/core') as string,
      }),
    );
  });
});

it('packages that the same images need are one layer, what most need first', () => {
  const needs = new Map([
    ['proxy', ['log', 'grpc', 'ffi']],
    ['controller', ['log', 'grpc', 'yaml']],
    ['agent', ['ffi', 'log', 'yaml']],
  ]);
  expect(sharedPackages(needs)).toEqual([
    { images: ['proxy', 'controller', 'agent'], packages: ['log'] },
    { images: ['controller', 'agent'], packages: ['yaml'] },
    { images: ['proxy', 'agent'], packages: ['ffi'] },
    { images: ['proxy', 'controller'], packages: ['grpc'] },
  ]);
});
