import { type Blob, descriptor, type Image } from './oci.ts';
import { type Content, type TarEntry, tarOf } from './tar.ts';

/**
 * One archive of images that is both an OCI image layout and what `docker save` writes, over the same blobs: containerd,
 * kind and k3d read the first, older Docker and tools with a `docker-archive` transport the second. Blobs that images share
 * stand in it once. Throws `AMBIT_IMAGE_PATH`.
 */
export function archiveOf(images: readonly Image[]): Content {
  const blobs = new Map<string, Blob>();
  for (const { layers, config, manifest } of images) {
    for (const blob of [...layers, config, manifest]) blobs.set(blob.digest, blob);
  }
  return tarOf([
    ...[...blobs.values()].map((blob) => file(pathOf(blob), blob.content)),
    json('oci-layout', { imageLayoutVersion: '1.0.0' }),
    json('index.json', {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: images.map(({ reference, architecture, manifest }) => ({
        ...descriptor(manifest),
        platform: { architecture, os: 'linux' },
        annotations: { 'io.containerd.image.name': reference, 'org.opencontainers.image.ref.name': reference },
      })),
    }),
    json(
      'manifest.json',
      images.map(({ reference, layers, config }) => ({
        Config: pathOf(config),
        RepoTags: [reference],
        Layers: layers.map(pathOf),
      })),
    ),
  ]);
}

function pathOf({ digest }: Blob): string {
  return `blobs/${digest.replace(':', '/')}`;
}

function json(path: string, value: unknown): TarEntry {
  return file(path, [Buffer.from(JSON.stringify(value))]);
}

function file(path: string, content: Content): TarEntry {
  return { kind: 'file', path, mode: 0o644, content };
}
