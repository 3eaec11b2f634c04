// The mesh on one machine. Started by a user it makes a tree of namespaces and runs itself again inside; there it starts
// the mesh and shows it, or checks it, until it is told to end.
import { Socket } from 'node:net';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { setCloseOnExec } from '@ambit/native/descriptor';
import { bedBench } from './check/bed-bench.ts';
import { runChecks } from './check/check.ts';
import { CHECKS } from './check/checks.ts';
import { resultLine, writeResults } from './check/report.ts';
import { type StartArguments, USAGE, parseArguments } from './start/arguments.ts';
import { LiveView } from './start/live-view.ts';
import { type RunningMesh, startMesh } from './start/mesh.ts';
import { summary } from './start/summary.ts';
import { END_DESCRIPTOR, RUN_DIRECTORY_VARIABLE, runInTree } from './start/tree.ts';

/** Milliseconds that pods and proxies get to finish what they accepted. */
const END_GRACE = 5_000;

/** Exit code of a program that Ctrl-C ended. */
const INTERRUPTED = 130;

/** Outside the tree: everything happens in a second process of the same program. */
async function outside(words: readonly string[]): Promise<number> {
  const { help } = parseArguments(words);
  if (help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const again = [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url), ...words];
  return runInTree(again, process.env, systemClock);
}

/** Inside the tree: the mesh from its start to its end. */
async function inside(directory: string, options: StartArguments): Promise<number> {
  const end = endOfTree();
  const begin = systemClock.now();
  let view: LiveView | undefined;
  const say = (line: string): void => {
    if (view === undefined) console.log(line);
    else view.say(line);
  };
  say('Starting two nodes, the controller and the pods ...');
  const starting = startMesh({
    directory,
    manifests: options.manifests,
    faults: options.check,
    clock: systemClock,
    report: ({ code, message }) => say(`${code}: ${message}`),
  });
  const mesh = await Promise.race([starting, end.then(() => undefined)]);
  // What is half begun ends with the tree.
  if (mesh === undefined) process.exit(INTERRUPTED);
  try {
    say(`Everything runs after ${((systemClock.now() - begin) / 1_000).toFixed(1)} s. Ctrl-C ends it.\n`);
    if (options.check) return await check(mesh, directory, options, end, say);
    say(summary(mesh));
    view = new LiveView(mesh.bed, systemClock, process.stdout);
    view.start();
    await end;
    view.stop();
    return 0;
  } finally {
    console.log('Ending ...');
    await mesh.bed.close({ deadline: END_GRACE });
  }
}

/** Runs the checks, or as many as there is time for before the end; 0 when all pass. */
async function check(
  { bed }: RunningMesh,
  directory: string,
  options: StartArguments,
  end: Promise<void>,
  say: (line: string) => void,
): Promise<number> {
  const wanted = CHECKS.filter(({ name }) => name.includes(options.only ?? ''));
  if (wanted.length === 0) throw new AmbitError('AMBIT_USAGE', `no check has ${options.only ?? ''} in its name`);
  const bench = await bedBench(bed, directory, systemClock, options.full);
  const results = await Promise.race([
    runChecks(wanted, bench, systemClock, (result) => say(resultLine(result))),
    end.then(() => undefined),
  ]);
  if (results === undefined) return INTERRUPTED;
  if (options.json !== undefined) writeResults(resolve(options.json), results);
  const failed = results.filter(({ ok }) => !ok).length;
  say(`${results.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** Resolves when the tree has to end: whoever made it is gone or says so, or Ctrl-C was pressed. */
function endOfTree(): Promise<void> {
  setCloseOnExec(END_DESCRIPTOR, true);
  const line = new Socket({ fd: END_DESCRIPTOR });
  return new Promise((done) => {
    line.resume();
    line.unref();
    for (const event of ['end', 'error', 'close'] as const) line.once(event, () => done());
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => done());
  });
}

try {
  const words = process.argv.slice(2);
  const directory = process.env[RUN_DIRECTORY_VARIABLE];
  process.exitCode = await (directory === undefined ? outside(words) : inside(directory, parseArguments(words)));
} catch (error) {
  console.error(error instanceof AmbitError ? `${error.code}: ${messageOf(error)}` : error);
  process.exitCode = error instanceof AmbitError && error.code === 'AMBIT_USAGE' ? 2 : 1;
}
