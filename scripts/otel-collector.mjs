/**
 * The collector of OpenTelemetry that traces are shown with: a program of its own modules (packages/local/otel-collector),
 * built once on this machine and kept by the hash of its sources. It has to be there before a tree of namespaces is: that
 * has no network.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { ROOT } from './runtime.mjs';

const SOURCES = join(ROOT, 'packages', 'local', 'otel-collector');
/** With empty caches, on two busy processors, it takes three minutes. */
const BUILD_MS = 900_000;

/** The go command, where PATH or the usual place has it. */
function findGo() {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/go/bin'];
  return folders.map((folder) => join(folder, 'go')).find((file) => existsSync(file));
}

/** Path of the program, which is built when it is not there. Throws with what is wrong. */
export function otelCollector() {
  const hash = createHash('sha256').update(process.arch);
  const files = readdirSync(SOURCES).sort();
  for (const file of files) hash.update(`\0${file}\0`).update(readFileSync(join(SOURCES, file)));
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'ambit', 'otel-collector');
  const kept = join(cache, `otel-collector-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(kept)) return kept;
  const go = findGo();
  if (go === undefined) throw new Error('the OpenTelemetry collector is built with Go, and there is no go in PATH');
  mkdirSync(cache, { recursive: true });
  // Built beside and renamed: an interrupted build leaves nothing that looks like a result.
  const building = mkdtempSync(join(cache, 'build-'));
  try {
    for (const file of files) copyFileSync(join(SOURCES, file), join(building, file));
    console.log('Building the OpenTelemetry collector, once ...');
    const made = join(building, 'otel-collector');
    execFileSync(go, ['build', '-trimpath', '-buildvcs=false', '-ldflags', '-s -w -buildid=', '-o', made, '.'], {
      cwd: building,
      // A go that is older than the modules ask for fetches the one they do, whatever its installer has set.
      env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '-mod=readonly', GOTOOLCHAIN: 'auto' },
      stdio: 'pipe',
      timeout: BUILD_MS,
    });
    renameSync(made, kept);
  } catch (error) {
    throw new Error(`the OpenTelemetry collector cannot be built: ${String(error)}`, { cause: error });
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
  return kept;
}
