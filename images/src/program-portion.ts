import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { AmbitError } from '@ambit/core/errors';
import type { Portion } from './component.ts';
import { fileEntry } from './file-entry.ts';
import { type LockFile, npmComponent, readPackageFile } from './lock-file.ts';
import type { Program } from './image-list.ts';
import { legalFiles } from './shipped-files.ts';
import type { TarEntry } from './tar.ts';

const TEST = /(^|\/)test-[^/]+$|\.test\.ts$/;

/**
 * A program and what of this repository it is made of (`workspaces`), at the paths below /ambit that all have below the root.
 * Throws `AMBIT_IMAGE_MISSING` when something is not compiled, `AMBIT_IMAGE_LOCK`.
 */
export function programPortion(root: string, lock: LockFile, program: Program, workspaces: readonly string[]): Portion {
  const { workspace } = program;
  const ours = workspaces.map((folder) => npmComponent(root, lock, folder));
  const license = fileEntry('ambit/LICENSE', join(root, 'LICENSE'));
  if (program.kind === 'bundle') {
    const { entries, components } = bundle(root, lock, workspace);
    return { purpose: `bundled ${workspace}`, entries: [license, ...entries], components: [...ours, ...components] };
  }
  if (!existsSync(join(root, workspace, program.main))) throw notCompiled(join(workspace, program.main));
  return {
    purpose: `compiled ${workspace} and the packages it is made of`,
    entries: [license, ...workspaces.flatMap((folder) => [...compiledFiles(root, folder), ...linkTo(root, folder)])],
    components: ours,
  };
}

/** The files of a bundle, and the licences of the npm packages that are in it, which `packages.json` names. */
function bundle(root: string, lock: LockFile, workspace: string): Pick<Portion, 'entries' | 'components'> {
  const folder = `${workspace}/bundle`;
  const list = `${folder}/packages.json`;
  if (!existsSync(join(root, list))) throw notCompiled(list);
  const packages = JSON.parse(readFileSync(join(root, list), 'utf8')) as string[];
  const files = [`${workspace}/package.json`, ...globSync(`${folder}/*.{js,json}`, { cwd: root })];
  const licenses = packages.flatMap((from) =>
    legalFiles(join(root, from)).map((file) =>
      fileEntry(`ambit/${folder}/licenses/${from.replace(/^.*node_modules\//, '')}/${file}`, join(root, from, file)),
    ),
  );
  return {
    entries: [...files.map((file) => fileEntry(`ambit/${file}`, join(root, file))), ...licenses],
    components: packages.map((from) => ({ ...npmComponent(root, lock, from), comment: 'part of the bundle' })),
  };
}

/** By the sources, because compiled files of a source that is gone stay where they are. */
function compiledFiles(root: string, folder: string): TarEntry[] {
  const sources = globSync('src/**/*.ts', { cwd: join(root, folder) }).filter((path) => !TEST.test(path));
  const compiled = sources.map((path) => path.replace(/^src(.*)\.ts$/, 'dist$1.js'));
  return ['package.json', ...compiled].map((path) => {
    if (!existsSync(join(root, folder, path))) throw notCompiled(join(folder, path));
    return fileEntry(`ambit/${folder}/${path}`, join(root, folder, path));
  });
}

function linkTo(root: string, folder: string): TarEntry[] {
  const path = `ambit/node_modules/${readPackageFile(join(root, folder)).name}`;
  return [{ kind: 'link', path, target: relative(dirname(path), `ambit/${folder}`) }];
}

function notCompiled(path: string): AmbitError {
  return new AmbitError('AMBIT_IMAGE_MISSING', `${path} is not there: run npm run build`, { source: 'configuration' });
}
