/** `npm run images`: builds the container images and their bills of materials. */
import { closeSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { archiveOf } from './archive.ts';
import { type BuiltImage, ImageBuilder } from './build-images.ts';
import { pluginPortion } from './cni-plugin.ts';
import { IMAGES } from './image-list.ts';
import { peerImage, PEER_NAME } from './peer-image.ts';
import { type Content, sizeOf } from './tar.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const USAGE = `npm run images -- [--out DIR] [--only NAME]... [--together]

  --out DIR     where the archives and bills of materials go (images/out)
  --only NAME   only this image; may be repeated: ${IMAGES.map(({ name }) => name).join(', ')},
                and ${PEER_NAME}, for tests: built when AMBIT_PEER_ZTUNNEL names the binary
  --together    one archive, images.tar, in which what images share stands once, instead of one for each
`;

interface Arguments {
  readonly out: string;
  readonly only: readonly string[];
  readonly together: boolean;
}

function readArguments(parameters: readonly string[]): Arguments | undefined {
  const { values } = parseArgs({
    args: [...parameters],
    options: {
      out: { type: 'string', default: join(ROOT, 'images', 'out') },
      only: { type: 'string', multiple: true, default: [] },
      together: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const known = [...IMAGES.map(({ name }) => name), PEER_NAME];
  const unknown = values.only.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`there is no image ${unknown.join(', ')}, only ${known.join(', ')}`);
  return { out: resolve(values.out), only: values.only, together: values.together };
}

function write(path: string, content: Content): void {
  // Under another name until it is whole: a cluster may be loading what is there.
  const partial = `${path}.partial`;
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(partial, 'w');
  try {
    for (const piece of content) for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
  } finally {
    closeSync(file);
  }
  renameSync(partial, path);
}

function megabytes(content: Content): string {
  return `${(sizeOf(content) / 1e6).toFixed(1)} MB`;
}

function run({ out, only, together }: Arguments, environment: NodeJS.ProcessEnv): void {
  const peer = environment['AMBIT_PEER_ZTUNNEL'] ?? '';
  if (only.includes(PEER_NAME) && peer === '') {
    throw new Error(`${PEER_NAME} is made of the binary that AMBIT_PEER_ZTUNNEL names, and it names none`);
  }
  const builder = new ImageBuilder({
    root: ROOT,
    processor: process.arch,
    plugin: (version, architecture) => pluginPortion(ROOT, version, architecture, environment['PATH'] ?? ''),
  });
  const isWanted = (name: string): boolean => only.length === 0 || only.includes(name);
  const built: BuiltImage[] = IMAGES.filter(({ name }) => isWanted(name)).map((definition) =>
    builder.build(definition),
  );
  if (peer !== '' && isWanted(PEER_NAME)) built.push(peerImage(builder, peer));

  for (const { name, bill } of built) write(join(out, `${name}.spdx.json`), [Buffer.from(bill)]);
  const archives = together
    ? [{ file: 'images.tar', images: built }]
    : built.map((image) => ({ file: `${image.name}.tar`, images: [image] }));
  for (const { file, images } of archives) {
    const content = archiveOf(images.map(({ image }) => image));
    write(join(out, file), content);
    console.log(`${join(out, file)} (${megabytes(content)}): ${images.map(({ image }) => image.reference).join(', ')}`);
  }
}

function readArgumentsOrExit(): Arguments | undefined {
  try {
    return readArguments(process.argv.slice(2));
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${USAGE}`);
    return process.exit(2);
  }
}

const options = readArgumentsOrExit();
try {
  if (options === undefined) console.log(USAGE);
  else run(options, process.env);
} catch (error) {
  console.error(error instanceof AmbitError ? `${error.code}: ${error.message}` : messageOf(error));
  process.exitCode = 1;
}
