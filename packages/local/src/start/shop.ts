import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Image } from '../bed/images.ts';

/** The repository's root: the same number of folders up from src/start and from dist/start. */
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/** What stands for the images of the sample shop: its compiled services. */
export const SHOP_IMAGES: Readonly<Record<string, Image>> = {
  'ghcr.io/ambit-mesh/shop': { directory: join(ROOT, 'examples/shop/dist') },
};

/** Copies the shop's manifests into a folder, to be edited while it runs. */
export function copyShopManifests(to: string): void {
  cpSync(join(ROOT, 'examples/shop/manifests'), to, { recursive: true });
}
