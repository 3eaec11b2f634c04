import { AmbitError } from '@ambit/core/errors';

/** What stands for a container image: a folder of this machine, in which the container's command runs. */
export interface Image {
  readonly directory: string;
  /** The image's entry point, for containers that name no command. */
  readonly command?: readonly string[];
  /** What the image sets, for containers that set it not otherwise. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Image name without tag and digest -> what stands for it. */
export type Images = ReadonlyMap<string, Image>;

/** An image of this name runs nothing: its pod is a network namespace to run things in. */
export const PAUSE_IMAGE: string = 'pause';

/** What stands for an image. Throws `AMBIT_BED_IMAGE` for one that is not known. */
export function findImage(images: Images, reference: string): Image | undefined {
  const name = withoutTag(reference);
  if (name === PAUSE_IMAGE || name.endsWith(`/${PAUSE_IMAGE}`)) return undefined;
  const image = images.get(name);
  if (image !== undefined) return image;
  const known = [...images.keys()].join(', ');
  throw new AmbitError(
    'AMBIT_BED_IMAGE',
    `image ${reference}: nothing on this machine stands for ${name} (known: ${known === '' ? 'none' : known})`,
    {
      source: 'configuration',
    },
  );
}

function withoutTag(reference: string): string {
  const [name = ''] = reference.split('@');
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
}
