import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const LOCAL = '../../../packages/local/dist/check/clients';
const OWN = '../../dist/programs';

export type CheckProgram =
  | 'backend'
  | 'dial'
  | 'first-request'
  | 'grpc-call'
  | 'load'
  | 'requests'
  | 'server'
  | 'write-latency';

/** The folder of each: those of the checks of packages/local run on one machine too, the others need a cluster. */
const PROGRAMS: Readonly<Record<CheckProgram, string>> = {
  backend: LOCAL,
  dial: LOCAL,
  'first-request': OWN,
  'grpc-call': OWN,
  load: LOCAL,
  requests: LOCAL,
  server: LOCAL,
  'write-latency': OWN,
};

/** Name of the ConfigMap, and where pods mount it. */
export const CHECK_PROGRAMS: string = 'check-programs';
const FOLDER = '/check';

/**
 * A ConfigMap with the clients and servers of the checks, each in one file: every image with a Node can run them, on any
 * cluster.
 */
export function checkProgramsObject(namespace: string): object {
  const { outputFiles } = buildSync({
    entryPoints: Object.entries(PROGRAMS).map(([program, folder]) => ({
      in: fileURLToPath(new URL(`${folder}/${program}.js`, import.meta.url)),
      out: program,
    })),
    outdir: FOLDER,
    outExtension: { '.js': '.mjs' },
    write: false,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
  });
  const data = Object.fromEntries(outputFiles.map(({ path, text }) => [path.slice(path.lastIndexOf('/') + 1), text]));
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: CHECK_PROGRAMS, namespace }, data };
}

/** The command line of a program in a pod that mounts the ConfigMap. */
export function checkCommand(program: CheckProgram, ...words: readonly string[]): string[] {
  // Files of a ConfigMap are links, and a program knows by its path that it is the one that was started.
  return ['node', '--preserve-symlinks-main', `${FOLDER}/${program}.mjs`, ...words];
}

/** What a pod needs to run them. */
export const CHECK_VOLUME: object = { name: CHECK_PROGRAMS, configMap: { name: CHECK_PROGRAMS } };
export const CHECK_MOUNT: object = { name: CHECK_PROGRAMS, mountPath: FOLDER, readOnly: true };
