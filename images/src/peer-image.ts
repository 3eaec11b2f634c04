import type { BuiltImage, ImageBuilder } from './build-images.ts';
import type { Component } from './component.ts';
import { fileEntry } from './file-entry.ts';
import { nativeLibraries } from './native-libraries.ts';
import { skeleton } from './skeleton.ts';

/** Name of the image, never to be published. */
export const PEER_NAME: string = 'stock-ztunnel';

const TARGET = '/usr/local/bin/ztunnel';

/**
 * A throw-away image of the stock ztunnel, so that tests can put it in the place of ours: the same user, environment and
 * (no) parameters. Throws `AMBIT_IMAGE_MISSING`, `AMBIT_IMAGE_ELF`, `AMBIT_IMAGE_TOOL`.
 */
export function peerImage(builder: ImageBuilder, binary: string): BuiltImage {
  const { entries, components } = nativeLibraries([binary]);
  const program: Component = { name: 'ztunnel', version: '', license: 'Apache-2.0', comment: 'not built here' };
  const run = { user: '0:1337', entrypoint: [TARGET], environment: { PATH: '/usr/local/bin' }, directory: '/' };
  return builder.assemble(PEER_NAME, 'The stock ztunnel, for tests alone', run, [
    skeleton(),
    { purpose: 'libraries', entries, components },
    { purpose: 'the stock ztunnel', entries: [fileEntry(TARGET.slice(1), binary)], components: [program] },
  ]);
}
