import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** How docker describes an image in its archive. */
export interface ArchivedImage {
  readonly Config: string;
  readonly RepoTags: readonly [string];
  readonly Layers: readonly string[];
}

/** The part of an image's config that tests look at. */
interface RunConfig {
  readonly User: string;
  readonly Entrypoint: readonly string[];
  readonly Env: readonly string[];
  readonly WorkingDir: string;
}

/** A path of an image's file system, as `tar` lists it. */
interface ListedFile {
  readonly path: string;
  /** As `ls` writes it, e.g. `-rwxr-xr-x`. */
  readonly mode: string;
}

/** An image out of an archive that the tar of the machine unpacked into a folder. */
export class UnpackedImage {
  readonly reference: string;
  readonly config: RunConfig;
  /** Archives of the layers, bottom first. */
  readonly layers: readonly string[];
  /** Folder in which the layers lie over each other, without the 100 MB of Node itself. */
  readonly root: string;

  constructor(folder: string, { Config, RepoTags, Layers }: ArchivedImage) {
    this.reference = RepoTags[0];
    this.config = (JSON.parse(readFileSync(join(folder, Config), 'utf8')) as { config: RunConfig }).config;
    this.layers = Layers.map((layer) => join(folder, layer));
    this.root = join(folder, 'roots', this.reference.replaceAll(/[/:]/g, '-'));
    mkdirSync(this.root, { recursive: true });
    for (const layer of this.layers) tar(['-xf', layer, '-C', this.root, '--exclude', 'usr/bin/node']);
  }

  /** All paths of all layers. */
  files(): ListedFile[] {
    return this.layers.flatMap((layer) =>
      tar(['-tvf', layer])
        .trim()
        .split('\n')
        .map((line) => {
          const [mode = '', , , , , ...path] = line.split(/ +/);
          return { mode, path: path.join(' ').replace(/ -> .*$/, '') };
        }),
    );
  }

  /** What can be run, without libraries, native modules and scripts that need Node. */
  programs(): string[] {
    return this.files()
      .filter(({ mode, path }) => mode.startsWith('-rwx') && !/\.([cm]?js|node)$|\.so(\.\d+)*$/.test(path))
      .map(({ path }) => path);
  }

  /** A file's text, from the uppermost layer that has it. */
  text(path: string): string {
    return readFileSync(join(this.root, path), 'utf8');
  }
}

/** What the tar of the machine writes. */
export function tar(parameters: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('tar', parameters, { encoding: 'utf8', maxBuffer: 64 << 20 });
  if (status !== 0) throw new Error(`tar ${parameters.join(' ')}: ${stderr}`);
  return stdout;
}
