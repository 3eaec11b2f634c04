import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { archiveOf } from './archive.ts';
import { ImageBuilder } from './build-images.ts';
import { pluginOf } from './cni-plugin.ts';
import { IMAGES } from './image-list.ts';
import { type ArchivedImage, tar, UnpackedImage } from './test-image.ts';

/** Folder of the repository. */
export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Images of the compiled repository, through one archive of them all. The CNI plugin is a stand-in, because compiling it takes
 * minutes where Go is new.
 */
export class TestImages {
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'ambit-images-'));
  readonly #images = new Map<string, UnpackedImage>();

  constructor(names: readonly string[]) {
    const builder = new ImageBuilder({
      root: ROOT,
      processor: process.arch,
      plugin: (version) => pluginOf(Buffer.from('a stand-in'), version, '1.26.0'),
    });
    const wanted = IMAGES.filter(({ name }) => names.includes(name));
    const archive = join(this.#folder, 'images.tar');
    const content = archiveOf(wanted.map((definition) => builder.build(definition).image));
    for (const piece of content) appendFileSync(archive, piece);
    tar(['-xf', archive, '-C', this.#folder]);
    rmSync(archive);
    const archived = JSON.parse(readFileSync(join(this.#folder, 'manifest.json'), 'utf8')) as ArchivedImage[];
    for (const [index, { name }] of wanted.entries()) {
      const image = archived[index];
      if (image !== undefined) this.#images.set(name, new UnpackedImage(this.#folder, image));
    }
  }

  image(name: string): UnpackedImage {
    const image = this.#images.get(name);
    if (image === undefined) throw new Error(`there is no image ${name}`);
    return image;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }
}
