import { expect, it } from 'vitest';
import { findTool, outputOf } from './tool.ts';

it('a program that is missing is named with the package that brings it', () => {
  expect(() => findTool('go', 'golang-go', ['/nowhere'])).toThrow(
    expect.objectContaining({
      code: 'AMBIT_IMAGE_MISSING',
      message: 'the program go is not on this machine; it comes with the Debian package golang-go',
    }),
  );
});

it('a program that fails is named with what it complains about', () => {
  const tar = findTool('tar', 'tar');
  expect(() => outputOf(tar, ['-tf', '/nowhere/archive.tar'])).toThrow(
    expect.objectContaining({
      code: 'AMBIT_IMAGE_TOOL',
      message: expect.stringMatching(/^\/.*tar -tf \/nowhere\/archive.tar ended with 2: .*nowhere/) as string,
    }),
  );
  expect(() => outputOf('/nowhere/tool', [])).toThrow(expect.objectContaining({ code: 'AMBIT_IMAGE_TOOL' }));
});
