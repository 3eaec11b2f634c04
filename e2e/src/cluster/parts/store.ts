import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { mustRun } from '../command.ts';
import { type Environment, withPath } from '../environment.ts';
import { identityOf, isAlive } from '../process-identity.ts';
import { BuiltParts } from './built-parts.ts';
import type { Bench, Part } from './part.ts';
import { missingTools } from './tools.ts';

/** Go programs with their modules, and what is not Go. */
const SOURCES = fileURLToPath(new URL('../../../cluster-build', import.meta.url));

/** Path of a file that a part or a start is made from. */
export function sourceFile(part: string, name: string): string {
  return join(SOURCES, part, name);
}

/** How long between two looks at another process that builds the same part, in milliseconds. */
const LOOK_MS = 500;

export interface StoreOptions {
  /** Folder of all parts. */
  readonly folder: string;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly say: (line: string) => void;
  /** Ends a build. */
  readonly signal?: AbortSignal | undefined;
}

/** Name of the folder of a part: the same as long as its sources and its recipe are. */
function folderOf(part: Part): string {
  const digest = createHash('sha256').update(JSON.stringify([part.recipe, process.arch]));
  if (part.sources !== undefined) {
    const root = join(SOURCES, part.sources);
    for (const file of filesBelow(root)) digest.update(`\0${file}\0`).update(readFileSync(join(root, file)));
  }
  return `${part.name}-${digest.digest('hex').slice(0, 16)}`;
}

/** Paths relative to a folder, in an order that is always the same. */
function filesBelow(root: string): string[] {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map((entry) => relative(root, join(entry.parentPath, entry.name))).sort();
}

/**
 * The parts, whole; what is missing is built, one after the other. A folder appears under its name only
 * when it is whole. Throws `AMBIT_CLUSTER_TOOLS` with everything the machine lacks, before the first build begins, and
 * `AMBIT_CLUSTER_PART` when a build fails.
 */
export async function provide(parts: readonly Part[], options: StoreOptions): Promise<BuiltParts> {
  mkdirSync(options.folder, { recursive: true, mode: 0o755 });
  const found = parts.map((part) => ({ part, path: join(options.folder, folderOf(part)) }));
  const missing = found.filter(({ path }) => !existsSync(path));
  const lacking = missingTools(
    missing.flatMap(({ part }) => part.tools),
    options.environment,
  );
  if (lacking.length > 0) {
    const names = missing.map(({ part }) => part.name).join(', ');
    throw new AmbitError('AMBIT_CLUSTER_TOOLS', `to build ${names}:\n${lacking.join('\n')}`, { source: 'system' });
  }
  for (const { part, path } of missing) await buildInto(part, path, options);
  return new BuiltParts(Object.fromEntries(found.map(({ part, path }) => [part.name, path])));
}

async function buildInto(part: Part, path: string, options: StoreOptions): Promise<void> {
  const { clock, say } = options;
  for (let told = false; ; told = true) {
    const work = claim(path, clock);
    if (work !== undefined) {
      try {
        if (existsSync(path)) return;
        say(`${part.name}: building ...`);
        const began = clock.now();
        await build(part, work, options);
        renameSync(join(work, 'out'), path);
        const seconds = ((clock.now() - began) / 1_000).toFixed(1);
        say(`${part.name}: built in ${seconds} s, ${(sizeOf(path) / 1e6).toFixed(0)} MB`);
      } finally {
        rmSync(work, { recursive: true, force: true });
      }
      return;
    }
    if (!told) say(`${part.name}: another process builds it; waiting ...`);
    await new Promise<void>((resolve) => clock.setTimeout(resolve, LOOK_MS));
    if (existsSync(path)) return;
  }
}

/** A folder to build in; undefined when a living process that came first has one. Removes those of dead ones. */
function claim(path: string, clock: Clock): string | undefined {
  const own = identityOf(process.pid);
  if (own === undefined) throw new AmbitError('AMBIT_CLUSTER_PART', '/proc does not show this process');
  const folder = dirname(path);
  const since = String(clock.wallTime()).padStart(15, '0');
  const mine = `${basename(path)}.${since}.${own.pid}.${own.began}.building`;
  mkdirSync(join(folder, mine), { recursive: true });
  const others = readdirSync(folder).filter(
    (name) => name.startsWith(`${basename(path)}.`) && name.endsWith('.building') && name !== mine,
  );
  for (const other of others) {
    const [pid = '', began = ''] = other.split('.').slice(-3);
    if (!isAlive({ pid: Number(pid), began })) {
      rmSync(join(folder, other), { recursive: true, force: true });
    } else if (other < mine) {
      rmSync(join(folder, mine), { recursive: true, force: true });
      return undefined;
    }
  }
  return join(folder, mine);
}

async function build(part: Part, work: string, options: StoreOptions): Promise<void> {
  const folders = { sources: join(work, 'sources'), out: join(work, 'out'), scratch: join(work, 'scratch') };
  for (const folder of Object.values(folders)) mkdirSync(folder, { recursive: true });
  if (part.sources !== undefined) cpSync(join(SOURCES, part.sources), folders.sources, { recursive: true });
  const bench: Bench = {
    ...folders,
    run: (argv, { environment, ...rest } = {}) =>
      mustRun(argv, {
        ...rest,
        clock: options.clock,
        signal: options.signal,
        environment: withPath({ ...options.environment, ...environment }, []),
      }),
  };
  try {
    await part.build(bench);
  } catch (error) {
    if (error instanceof AmbitError && error.code === 'AMBIT_CLUSTER_PART') throw error;
    throw new AmbitError('AMBIT_CLUSTER_PART', `${part.name} cannot be built: ${messageOf(error)}`, { cause: error });
  }
}

function sizeOf(folder: string): number {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((total, entry) => total + statSync(join(folder, entry.name)).size, 0);
}
