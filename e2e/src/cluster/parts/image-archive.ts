import { createHash } from 'node:crypto';
import { createReadStream, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Bench } from './part.ts';

export interface ImagePlan {
  /** `NAME:TAG` */
  readonly tag: string;
  readonly entrypoint: readonly string[];
}

/** Owner and times are the same on every machine, so that equal content is an equal image. */
const TAR = ['tar', '--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];

/** The processor as images name it. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** Packs a folder as the only layer of an image, into `image.tar` of the part (the format of `docker save`). */
export async function packImage(bench: Bench, root: string, plan: ImagePlan): Promise<void> {
  const { scratch } = bench;
  const layer = join(scratch, 'layer.tar');
  await bench.run([...TAR, '-C', root, '-cf', layer, '.']);
  const digest = createHash('sha256');
  await pipeline(createReadStream(layer), digest);
  const json = (name: string, value: unknown): void => writeFileSync(join(scratch, name), JSON.stringify(value));
  json('config.json', {
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest.digest('hex')}`] },
    config: { Entrypoint: plan.entrypoint, Env: ['PATH=/usr/bin:/bin'], WorkingDir: '/' },
  });
  json('manifest.json', [{ Config: 'config.json', RepoTags: [plan.tag], Layers: ['layer.tar'] }]);
  const archive = join(scratch, 'image.tar');
  await bench.run([...TAR, '-C', scratch, '-cf', archive, 'manifest.json', 'config.json', 'layer.tar']);
  renameSync(archive, join(bench.out, 'image.tar'));
}
