// Runs the Gateway API's conformance suite against the mesh on the cluster that runs. See e2e/README.md.
//   main.js COUNTS [FLAG...]
// COUNTS: file for what passed and failed. With further flags of the suite it is a part of the suite, and no report is left.
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { type Cluster, type ClusterOptions, attachCluster } from '../cluster/cluster.ts';
import { provide } from '../cluster/parts/store.ts';
import { placeOf } from '../cluster/place.ts';
import { Bench } from '../mesh/bench.ts';
import { installMesh, isMeshInstalled, removeMesh } from '../mesh/chart.ts';
import { CONFORMANCE_PARTS, conformanceFiles, suiteVersion } from './parts.ts';
import { describeRun } from './run-description.ts';
import { makeSharedWaypoint, removeSharedWaypoint } from './shared-waypoint.ts';
import { suiteFlags } from './suite-flags.ts';
import { type Count, SuiteOutput, countOf, isOfMesh } from './suite-output.ts';

const REPORTS = fileURLToPath(new URL('../../reports', import.meta.url));
const PACKAGE = fileURLToPath(new URL('../../package.json', import.meta.url));

const options: ClusterOptions = {
  environment: process.env,
  clock: systemClock,
  say: (line) => console.log(line),
};

/** Runs the suite; `log` takes all that it writes, the terminal what is under way. */
async function runSuite(cluster: Cluster, argv: readonly string[], log: string): Promise<Count> {
  const line = cluster.commandLine(argv);
  const child = spawn(line.argv[0] ?? '', line.argv.slice(1), {
    env: line.environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill('SIGKILL'));
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
  const file = createWriteStream(log);
  child.stderr.pipe(file, { end: false });
  const output = new SuiteOutput((test) => {
    if (isOfMesh(test)) console.log(`${test} ...`);
  });
  for await (const text of createInterface({ input: child.stdout })) {
    file.write(`${text}\n`);
    output.take(text);
  }
  const code = await ended;
  file.end();
  for (const { name, outcome } of output.results) {
    if (outcome !== 'skipped' || isOfMesh(name)) console.log(`${outcome}: ${name}`);
  }
  return countOf(output, code);
}

async function run(words: readonly string[]): Promise<Count> {
  const cluster = attachCluster(options);
  const bench = new Bench(cluster);
  const place = placeOf(process.env);
  const parts = await provide(CONFORMANCE_PARTS, { ...options, folder: place.parts });
  const { suite, images } = conformanceFiles(parts.folders);
  await cluster.loadImages(images);
  const wasInstalled = await isMeshInstalled(cluster);
  if (!wasInstalled) await installMesh(cluster);
  try {
    await makeSharedWaypoint(bench);
    const folder = join(REPORTS, suiteVersion());
    mkdirSync(folder, { recursive: true });
    const { version } = JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string };
    const report = words.length > 0 ? undefined : { file: join(folder, 'ambient-report.yaml'), version };
    if (report !== undefined) rmSync(report.file, { force: true });
    const flags = suiteFlags(words, report);
    const log = join(place.root, `conformance-${place.name}.log`);
    console.log(`All that the suite writes: ${log}`);
    const count = await runSuite(cluster, [suite, ...flags], log);
    // A suite that is cut short leaves no report.
    if (report !== undefined && existsSync(report.file)) {
      writeFileSync(join(folder, 'ambient-run.txt'), await describeRun(cluster, flags));
    }
    return count;
  } finally {
    await removeSharedWaypoint(bench);
    if (!wasInstalled) await removeMesh(cluster);
  }
}

const [counts = '', ...words] = process.argv.slice(2);
try {
  const count = await run(words);
  writeFileSync(counts, JSON.stringify(count));
} catch (error) {
  console.error(error instanceof AmbitError ? `${error.code}: ${messageOf(error)}` : error);
  process.exitCode = 1;
}
