import { spawn, spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { systemClock } from '@ambit/core/clock';
import { eventually } from '../test-cluster.ts';
import { bringUp } from './bring-up.ts';
import { findNamespaces } from './namespaces.ts';
import { OwnCluster } from './own-cluster.ts';
import { placeOf } from './place.ts';
import { removeCluster } from './removal.ts';

// One of its own, beside the one that all files share.
const NAME = `${(process.env['AMBIT_CLUSTER'] ?? 'main').slice(0, 15)}-life`;
const environment = { ...process.env, AMBIT_CLUSTER: NAME, KUBECONFIG: '' };
const place = placeOf(environment);
const said: string[] = [];
const options = { environment, clock: systemClock, say: (line: string) => void said.push(line) };

const output = (program: string, ...words: string[]): string => spawnSync(program, words, { encoding: 'utf8' }).stdout;

/** Everything of the machine that a cluster may touch. */
function machine(): Readonly<Record<string, unknown>> {
  return {
    mounts: readFileSync('/proc/self/mounts', 'utf8'),
    interfaces: output('ip', '-brief', 'address'),
    routes: output('ip', 'route'),
    rules: output('nft', 'list', 'ruleset'),
    namespaces: output('ip', 'netns'),
    cni: ['/etc/cni/net.d', '/opt/cni/bin'].map((folder) => (existsSync(folder) ? readdirSync(folder) : [])),
  };
}

/** Processes in whose command line or working files the cluster's folder stands. */
function processes(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      try {
        return [readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')];
      } catch {
        return [];
      }
    })
    .filter((line) => line.includes(place.state));
}

const remains = (): object => ({
  processes: processes(),
  groups: globSync(`/sys/fs/cgroup/**/${place.cgroup}`),
  state: existsSync(place.state),
});
const NOTHING = { processes: [], groups: [], state: false };

describe('the life of a cluster', () => {
  afterAll(() => removeCluster(place, systemClock));

  it('comes up, says so when asked a second time, and goes down leaving nothing', async () => {
    const before = machine();
    const cluster = await bringUp(options);
    expect(await cluster.kubectl(['get', 'nodes', '-o', 'name'])).toBe('node/a\nnode/b\n');
    expect(processes().length).toBeGreaterThan(5);
    said.length = 0;
    const again = await bringUp(options);
    expect(said).toEqual([`The cluster ${NAME} runs already.`]);
    await again.down();
    expect(remains()).toEqual(NOTHING);
    expect(machine()).toEqual(before);
    expect(() => OwnCluster.attach(options)).toThrow(/does not run: npm run cluster:up/);
    // Down once more has nothing to do.
    await again.down();
  });

  it('comes up after a start that was killed half-way, and after its first process was killed', async () => {
    const program = fileURLToPath(new URL('main.ts', import.meta.url));
    const starter = spawn(process.execPath, [...process.execArgv, program, 'up'], {
      env: environment,
      stdio: 'ignore',
    });
    await eventually(() => expect(findNamespaces({ ...place, node: 'a' })).toBeDefined());
    // Whoever comes meanwhile is told who is at it.
    await expect(bringUp(options)).rejects.toThrow(`process ${starter.pid ?? 0} is bringing up the cluster ${NAME}`);
    starter.kill('SIGKILL');
    await eventually(() => expect(starter.signalCode).toBe('SIGKILL'));
    expect(OwnCluster.find(options)).toBeUndefined();

    said.length = 0;
    const cluster = await bringUp(options);
    expect(said).toContain(`Removing what an earlier cluster ${NAME} left ...`);
    expect(await cluster.kubectl(['get', 'namespaces', '-o', 'name'])).toContain('namespace/kube-system');

    process.kill(findNamespaces(place) ?? 0, 'SIGKILL');
    await eventually(() => expect(processes()).toEqual([]));
    expect(remains()).not.toEqual(NOTHING);
    const third = await bringUp(options);
    await third.down();
    expect(remains()).toEqual(NOTHING);
  });
});
