import { createHash } from 'node:crypto';
import { type Content, sizeOf, type TarEntry, tarOf } from './tar.ts';

/** The name of a processor in OCI images. */
export type Architecture = 'amd64' | 'arm64';

/** One blob of an image: bytes under the name of their digest (OCI image spec, descriptor). */
export interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly content: Content;
}

export interface Layer extends Blob {
  /** What it brings, for the image's history. */
  readonly purpose: string;
}

/** How a container of the image starts (OCI image spec, config). */
export interface RunSettings {
  /** `uid:gid`. */
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
}

export interface Image {
  /** Name and tag, e.g. `ghcr.io/ambit-mesh/ztunnel:0.1.0`. */
  readonly reference: string;
  readonly architecture: Architecture;
  readonly layers: readonly Layer[];
  readonly config: Blob;
  readonly manifest: Blob;
}

export interface ImageContent {
  readonly reference: string;
  readonly architecture: Architecture;
  readonly labels: Readonly<Record<string, string>>;
  readonly run: RunSettings;
  /** Bottom first. */
  readonly layers: readonly Layer[];
}

const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

/** Images carry no date: the same inputs are the same image. */
const NO_TIME = '1970-01-01T00:00:00Z';

/**
 * A layer of these entries. It is not compressed: what a compressor makes of the same bytes depends on its version and on
 * the processor, and who pushes an image compresses it on the way. Throws `AMBIT_IMAGE_PATH`.
 */
export function layerOf(purpose: string, entries: readonly TarEntry[]): Layer {
  return { ...blobOf(LAYER_TYPE, tarOf(entries)), purpose };
}

/** Config and manifest over the layers. */
export function imageOf({ reference, architecture, labels, run, layers }: ImageContent): Image {
  const config = json(CONFIG_TYPE, {
    created: NO_TIME,
    architecture,
    os: 'linux',
    config: {
      User: run.user,
      Env: Object.entries(run.environment).map(([name, value]) => `${name}=${value}`),
      Entrypoint: run.entrypoint,
      WorkingDir: run.directory,
      Labels: labels,
    },
    // Of a layer that is not compressed, the digest of the blob is that of its contents.
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    history: layers.map(({ purpose }) => ({ created: NO_TIME, created_by: purpose })),
  });
  const manifest = json(MANIFEST_TYPE, {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: descriptor(config),
    layers: layers.map(descriptor),
    annotations: labels,
  });
  return { reference, architecture, layers, config, manifest };
}

export function descriptor({ mediaType, digest, size }: Blob): Pick<Blob, 'mediaType' | 'digest' | 'size'> {
  return { mediaType, digest, size };
}

function json(mediaType: string, value: unknown): Blob {
  return blobOf(mediaType, [Buffer.from(JSON.stringify(value))]);
}

function blobOf(mediaType: string, content: Content): Blob {
  const hash = createHash('sha256');
  for (const piece of content) hash.update(piece);
  return { mediaType, digest: `sha256:${hash.digest('hex')}`, size: sizeOf(content), content };
}
