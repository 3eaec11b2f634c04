import { afterEach, beforeEach, expect, it } from 'vitest';
import { shippedFiles } from './shipped-files.ts';
import { Repository } from './test-repository.ts';

let repository: Repository;
beforeEach(() => {
  repository = new Repository();
});
afterEach(() => {
  repository.remove();
});

it('of a package ships what runs and its licence', () => {
  const kept = ['LICENSE-MIT.txt', 'NOTICE', 'dist/doc/page.js', 'dist/index.cjs', 'native/x.node', 'package.json'];
  const left = [
    ...['README.md', 'dist/index.cjs.map', 'dist/index.d.ts', 'src/index.ts', 'tsconfig.json', 'dist/page.test.js'],
    ...['doc/site.js', 'test/all.js', 'node_modules/other/index.js', 'src/x.cc', 'eslint.config.js', 'bench/x.js'],
  ];
  for (const path of [...kept, ...left]) repository.write(path, '');
  expect(shippedFiles(repository.root)).toEqual(kept);
});

it('of a package of types nothing ships', () => {
  for (const path of ['LICENSE', 'index.d.ts', 'package.json']) repository.write(path, '');
  expect(shippedFiles(repository.root)).toEqual([]);
});
