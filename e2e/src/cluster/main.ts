// A Kubernetes cluster on this machine: made, entered, filled with images and ended. See e2e/README.md.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { systemClock } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { type Arguments, USAGE, parseArguments } from './arguments.ts';
import { bringUp } from './bring-up.ts';
import { type ClusterOptions, attachCluster } from './cluster.ts';
import { OwnCluster } from './own-cluster.ts';
import { placeOf } from './place.ts';
import { hasRemains, removeCluster } from './removal.ts';

/** Exit code of a program that Ctrl-C ended. */
const INTERRUPTED = 130;

/** Where the user is; npm starts scripts in the project's folder. */
const DIRECTORY = process.env['INIT_CWD'] ?? process.cwd();

const interruption = new AbortController();

const options: ClusterOptions = {
  environment: process.env,
  clock: systemClock,
  say: (line) => console.log(line),
  signal: interruption.signal,
};

async function up(nodes: number): Promise<number> {
  const cluster = await bringUp(options, nodes);
  console.log(`
export KUBECONFIG=${cluster.kubeconfig}     # for programs inside the cluster's network; it is in force there anyway
npm run --silent cluster:in -- kubectl get pods -A
npm run --silent cluster:in -- @${cluster.nodes[0]?.name ?? ''} nft list ruleset
npm run cluster:load -- IMAGE.tar
npm run cluster:down`);
  return 0;
}

async function down(): Promise<number> {
  const place = placeOf(process.env);
  if (!hasRemains(place)) {
    console.log(`The cluster ${place.name} does not run; nothing is left of an earlier one.`);
    return 0;
  }
  const began = systemClock.now();
  await removeCluster(place, systemClock);
  console.log(`The cluster ${place.name} is gone after ${((systemClock.now() - began) / 1_000).toFixed(1)} s.`);
  return 0;
}

function status(): number {
  const cluster = OwnCluster.find(options);
  const { name } = placeOf(process.env);
  console.log(cluster === undefined ? `The cluster ${name} does not run.` : `The cluster ${name} runs.`);
  return cluster === undefined ? 1 : 0;
}

/** Runs a command on this terminal and resolves with the exit code that a shell would show. */
function inside({ node, argv }: Extract<Arguments, { verb: 'in' }>): Promise<number> {
  const cluster = OwnCluster.attach(options);
  const line =
    node === undefined ? cluster.commandLine(argv, DIRECTORY) : cluster.nodeCommandLine(node, argv, DIRECTORY);
  const child = spawn(line.argv[0] ?? '', line.argv.slice(1), { stdio: 'inherit', env: line.environment });
  return new Promise((done, failed) => {
    // Ctrl-C reaches the command from the terminal; anything else ends it with this process.
    process.on('SIGINT', () => undefined);
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill('SIGKILL'));
    child.once('error', failed);
    child.once('exit', (code, signal) => done(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

async function load(archives: readonly string[]): Promise<number> {
  await attachCluster(options).loadImages(archives.map((archive) => resolve(DIRECTORY, archive)));
  console.log(`Loaded ${archives.join(', ')}.`);
  return 0;
}

async function run(words: readonly string[]): Promise<number> {
  const chosen = parseArguments(words);
  switch (chosen.verb) {
    case 'help':
      process.stdout.write(USAGE);
      return 0;
    case 'in':
      return await inside(chosen);
    case 'up':
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interruption.abort());
      return await up(chosen.nodes);
    case 'down':
      return await down();
    case 'status':
      return status();
    case 'load':
      return await load(chosen.archives);
  }
}

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  if (interruption.signal.aborted) {
    console.error('Interrupted; nothing of the cluster is left.');
    process.exitCode = INTERRUPTED;
  } else {
    console.error(error instanceof AmbitError ? `${error.code}: ${messageOf(error)}` : error);
    if (error instanceof AmbitError && error.code === 'AMBIT_CLUSTER_ARGUMENTS') console.error(`\n${USAGE}`);
    process.exitCode = error instanceof AmbitError && error.code === 'AMBIT_CLUSTER_ARGUMENTS' ? 2 : 1;
  }
}
