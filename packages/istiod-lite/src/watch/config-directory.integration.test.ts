import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@ambit/core/clock';
import { createLogger } from '@ambit/core/log';
import { buildModel } from '@ambit/translation/model';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Counters } from '../serve/counters.ts';
import { ConfigDirectory } from './config-directory.ts';
import type { Configuration } from './configuration.ts';
import { LastGoodDirectory, NO_LAST_GOOD } from './last-good.ts';

const log = createLogger('test', { level: 'silent' });
const service = (name: string, port = 80): string =>
  `{apiVersion: v1, kind: Service, metadata: {name: ${name}, namespace: shop}, spec: {ports: [{port: ${port}}]}}\n---\n`;

let root: string;
let directory: string;
let open: ConfigDirectory[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'config-'));
  directory = join(root, 'manifests');
  await mkdir(directory);
  open = [];
});

afterEach(async () => {
  for (const each of open) await each.close();
  await rm(root, { recursive: true });
});

interface Watched {
  services(): string[];
  problems(): string[];
  /** Waits until the Services are these; fails after 2 s. Gives the milliseconds it took. */
  until(services: string[]): Promise<number>;
  untilProblems(count: number): Promise<void>;
}

async function start(lastGood = NO_LAST_GOOD, directories = [directory]): Promise<Watched> {
  let now: Configuration = { sources: [], problems: [], refusals: [], changedAt: 0 };
  const config = new ConfigDirectory(directories, {
    clock: systemClock,
    log,
    counters: new Counters(),
    lastGood,
    onChange: (next) => (now = next),
  });
  open.push(config);
  await config.start();
  const services = (): string[] =>
    [...buildModel(now.sources).model.services.keys()].map((key) => key.slice('shop/'.length));
  const problems = (): string[] =>
    now.problems.map(({ file, position, path }) => `${file.slice(directory.length + 1)}:${position.line} ${path}`);
  const wait = async (holds: () => boolean): Promise<number> => {
    const started = performance.now();
    while (!holds()) {
      if (performance.now() - started > 2_000) throw new Error(`still ${services().join()} and ${problems().join()}`);
      await new Promise((resume) => setTimeout(resume, 5));
    }
    return performance.now() - started;
  };
  return {
    services,
    problems,
    until: (wanted) => wait(() => services().join() === wanted.join()),
    untilProblems: async (count) => {
      await wait(() => problems().length === count);
    },
  };
}

/** One late answer of a busy machine says nothing. */
function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const put = (name: string, text: string): Promise<void> => writeFile(join(directory, name), text);

describe('a configuration directory', () => {
  it('shows added, changed and removed files within 200 ms', async () => {
    await put('a.yaml', service('one'));
    const watched = await start();
    expect(watched.services()).toEqual(['one']);
    const took: number[] = [];
    await put('b.yaml', service('two'));
    took.push(await watched.until(['one', 'two']));
    await put('b.yaml', service('three'));
    took.push(await watched.until(['one', 'three']));
    await rm(join(directory, 'a.yaml'));
    took.push(await watched.until(['three']));
    expect(median(took)).toBeLessThan(200);
  });

  it('takes a file that is renamed over another at once', async () => {
    await put('a.yaml', service('one'));
    const watched = await start();
    const took: number[] = [];
    for (const name of ['two', 'three', 'four']) {
      await put('.a.yaml.tmp', service(name));
      await rename(join(directory, '.a.yaml.tmp'), join(directory, 'a.yaml'));
      took.push(await watched.until([name]));
    }
    expect(median(took)).toBeLessThan(200);
  });

  it('keeps the last good state of a broken file, names file, line and field, and lets other files go on', async () => {
    await put('a.yaml', service('one'));
    const watched = await start();
    await put('a.yaml', `${service('one')}\n${service('two', 70_000)}`);
    await put('b.yaml', service('three'));
    await watched.until(['one', 'three']);
    await watched.untilProblems(1);
    expect(watched.problems()).toEqual(['a.yaml:4 spec.ports[0].port']);
    await put('a.yaml', service('two'));
    await watched.until(['three', 'two']);
    expect(watched.problems()).toEqual([]);
  });

  it('does not lose the objects of a file that is truncated before it is written', async () => {
    await put('a.yaml', service('one'));
    const watched = await start();
    await put('a.yaml', '');
    await watched.untilProblems(1);
    expect(watched.services()).toEqual(['one']);
    await put('a.yaml', service('two'));
    await watched.until(['two']);
  });

  it('reads no half of a write that takes a while', async () => {
    await put('a.yaml', service('one'));
    const watched = await start();
    const seen = new Set<string>();
    const parts = Array.from({ length: 20 }, (_, index) => service(`s${index}`));
    for (let count = 1; count <= parts.length; count++) {
      await put('a.yaml', parts.slice(0, count).join(''));
      await new Promise((resume) => setTimeout(resume, 4));
      seen.add(String(watched.services().length));
    }
    await watched.until(parts.map((_, index) => `s${index}`).sort());
    expect(seen.size).toBeLessThan(4);
  });

  it('holds the last good state of a broken file over a restart, and not that of a file that went', async () => {
    const kept = new LastGoodDirectory(join(root, 'last-good'), log);
    await put('a.yaml', service('one'));
    await put('b.yaml', service('two'));
    const before = await start(kept);
    expect(before.services()).toEqual(['one', 'two']);
    await open[0]?.close();
    await put('a.yaml', 'broken: [');
    await rm(join(directory, 'b.yaml'));
    const after = await start(kept);
    expect(after.services()).toEqual(['one']);
    expect(after.problems()).toHaveLength(1);
    await put('b.yaml', 'broken: [');
    await after.untilProblems(2);
    expect(after.services()).toEqual(['one']);
  });

  it('keeps everything while a directory cannot be listed', async () => {
    await put('a.yaml', service('one'));
    const watched = await start();
    await rename(directory, `${directory}-away`);
    await new Promise((resume) => setTimeout(resume, 1_300));
    expect(watched.services()).toEqual(['one']);
    await rename(`${directory}-away`, directory);
    await put('a.yaml', service('two'));
    await watched.until(['two']);
  });

  it('reads several directories, and only files that look like manifests', async () => {
    const second = join(root, 'second');
    await mkdir(join(second, 'sub.yaml'), { recursive: true });
    await writeFile(
      join(second, 'x.json'),
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'x', namespace: 'shop' },
        spec: { ports: [{ port: 1 }] },
      }),
    );
    await writeFile(join(second, 'notes.txt'), 'no manifest');
    await put('a.yaml', service('one'));
    const watched = await start(NO_LAST_GOOD, [directory, second]);
    expect(watched.services()).toEqual(['one', 'x']);
    expect(watched.problems()).toEqual([]);
  });

  it('refuses to start on a directory that is not there', async () => {
    await expect(start(NO_LAST_GOOD, [join(root, 'nowhere')])).rejects.toMatchObject({ code: 'AMBIT_CONFIG' });
  });
});
