/**
 * Makes one file, and a few shared pieces, of each program that runs on every node or in every waypoint: a process that
 * loads hundreds of modules keeps the text and the records of all of them (docs/adr/0017).
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { buildSync } from 'esbuild';
import { OLDEST, ROOT } from './runtime.mjs';

/** Package -> its modules that are started by name: the program's own, those of its threads and of its child processes. */
const BUNDLED_PROGRAMS = {
  waypoint: ['packages/waypoint/dist/main.js', 'packages/waypoint/dist/worker.js'],
  ztunnel: [
    'packages/ztunnel/dist/main.js',
    'packages/ztunnel/dist/proxy.js',
    'packages/ztunnel/dist/worker.js',
    'packages/zds/dist/control-worker.js',
  ],
};

/** What is loaded as it was installed: a native library, and a loader of gRPC that only its channelz would ask for. */
const INSTALLED = ['koffi', '@grpc/proto-loader'];

/** CommonJS modules of libraries ask for modules of Node by `require`. */
const REQUIRE =
  "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);";

/** True when all programs were bundled; esbuild's messages go to the error output. */
export function bundle() {
  try {
    for (const [program, modules] of Object.entries(BUNDLED_PROGRAMS)) {
      const outdir = join(ROOT, 'packages', program, 'bundle');
      const { outputFiles, metafile } = buildSync({
        absWorkingDir: ROOT,
        entryPoints: modules.map((path) => ({ in: path, out: basename(path, '.js') })),
        outdir,
        write: false,
        metafile: true,
        bundle: true,
        splitting: true,
        platform: 'node',
        format: 'esm',
        target: `node${OLDEST.major}`,
        external: INSTALLED,
        banner: { js: REQUIRE },
        // Names stay as they are, so that a stack can be read.
        minifyWhitespace: true,
        minifySyntax: true,
        legalComments: 'none',
      });
      const packages = `${JSON.stringify(packagesOf(metafile), null, 2)}\n`;
      const files = new Map(outputFiles.map(({ path, text }) => /** @type {const} */ ([path, text])));
      replace(outdir, files.set(join(outdir, 'packages.json'), packages));
    }
    return true;
  } catch {
    return false;
  }
}

/** Folders of the npm packages that are in a bundle, relative to the root; whoever passes it on owes them their licences. */
function packagesOf({ inputs }) {
  const folders = Object.keys(inputs).flatMap(
    (path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0] ?? [],
  );
  return [...new Set(folders)].sort();
}

/** Programs may be running from the folder: what stays the same is left alone, and what is new comes by rename. */
function replace(folder, files) {
  mkdirSync(folder, { recursive: true });
  for (const [path, text] of files) {
    if (existsSync(path) && readFileSync(path, 'utf8') === text) continue;
    writeFileSync(`${path}.tmp`, text);
    renameSync(`${path}.tmp`, path);
  }
  for (const name of readdirSync(folder)) if (!files.has(join(folder, name))) rmSync(join(folder, name));
}
