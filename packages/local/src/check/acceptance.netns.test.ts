import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@ambit/core/clock';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningMesh, startMesh } from '../start/mesh.ts';
import type { Bench } from './bench.ts';
import { bedBench } from './bed-bench.ts';
import { runCheck } from './check.ts';
import { CHECKS } from './checks.ts';

/** A failed check is followed by a recovery, which takes time of its own. */
const RECOVERY = 30_000;

let directory: string;
let mesh: RunningMesh | undefined;
let bench: Bench;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'acceptance-'));
  const report = (error: Error): void => console.error(error.message);
  mesh = await startMesh({ directory, manifests: undefined, faults: true, clock: systemClock, report });
  bench = await bedBench(mesh.bed, directory, systemClock, false);
});

afterAll(async () => {
  await mesh?.bed.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('the mesh on two nodes', () => {
  for (const check of CHECKS) {
    it(check.name, { timeout: check.limit + RECOVERY }, async () => {
      const { ok, detail } = await runCheck(check, bench, systemClock);
      if (!ok) await bench.recover();
      expect(ok, detail).toBe(true);
    });
  }
});
