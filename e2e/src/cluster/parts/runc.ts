import { existsSync, globSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { type GoBuild, goBuild } from './go-part.ts';
import type { Bench, Part } from './part.ts';

const BUILD: GoBuild = {
  packages: ['github.com/opencontainers/runc'],
  to: 'runc',
  tags: ['seccomp', 'netgo', 'osusergo'],
  linkerFlags: ['-extldflags -static'],
};

/** runc is C and Go, linked statically with libseccomp, so that pods have RuntimeDefault seccomp profiles. */
export const runc: Part = {
  name: 'runc',
  sources: 'runtime',
  recipe: { BUILD },
  tools: ['go', 'gcc', 'pkg-config'],
  async build(bench) {
    const environment = { CGO_ENABLED: '1', ...((await isInstalledStatic(bench)) ? {} : await unpacked(bench)) };
    await goBuild(bench, { ...BUILD, environment });
  },
};

/** True when the machine has libseccomp's headers and static library. */
async function isInstalledStatic(bench: Bench): Promise<boolean> {
  try {
    const folder = await bench.run(['pkg-config', '--variable=libdir', 'libseccomp']);
    return existsSync(join(folder.trim(), 'libseccomp.a'));
  } catch {
    return false;
  }
}

/** Debian's package of them, unpacked beside the build: nothing is installed. Returns what tells the compiler. */
async function unpacked(bench: Bench): Promise<Readonly<Record<string, string>>> {
  const root = join(bench.scratch, 'libseccomp');
  try {
    await bench.run(['dpkg', '-x', await download(bench), root]);
  } catch (error) {
    throw missing(messageOf(error));
  }
  const [archive] = globSync(join(root, 'usr/lib/*/libseccomp.a'));
  if (archive === undefined) throw missing('the package has no libseccomp.a');
  const folder = dirname(archive);
  return {
    CGO_CFLAGS: `-I${join(root, 'usr/include')}`,
    CGO_LDFLAGS: `-L${folder}`,
    PKG_CONFIG_PATH: join(folder, 'pkgconfig'),
  };
}

/** Path of the package's file. */
async function download(bench: Bench): Promise<string> {
  const folder = join(bench.scratch, 'deb');
  mkdirSync(folder);
  const argv = ['apt-get', '-qq', '-o', 'APT::Sandbox::User=root', 'download', 'libseccomp-dev'];
  try {
    await bench.run(argv, { directory: folder });
  } catch {
    // The lists of a fresh machine are empty or name a version that is gone.
    await bench.run(['apt-get', '-qq', 'update']);
    await bench.run(argv, { directory: folder });
  }
  const [file] = globSync(join(folder, 'libseccomp-dev_*.deb'));
  if (file === undefined) throw missing('nothing was downloaded');
  return file;
}

function missing(why: string): AmbitError {
  return new AmbitError(
    'AMBIT_CLUSTER_PART',
    `runc: headers and static library of libseccomp are missing and cannot be fetched (${why}): apt-get install libseccomp-dev, on Fedora dnf install libseccomp-devel libseccomp-static`,
    { source: 'system' },
  );
}
