import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Clock } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';

/** One tree of control groups: version 1 has one for each controller or set of them, version 2 one for all. */
export interface Hierarchy {
  /** As mount(8) takes them, e.g. `cpu,cpuacct` or `name=systemd`; undefined for version 2. */
  readonly controllers: string | undefined;
  /** Where the machine shows it. */
  readonly mount: string;
  /** Folder of /sys/fs/cgroup in which nodes show it; empty for version 2. */
  readonly folder: string;
}

/** What kubelet asks of version 2. */
const CONTROLLERS = ['cpuset', 'cpu', 'io', 'memory', 'pids'];

/** A process that dies keeps its group for a moment: how long to try, and how often, in milliseconds. */
const REMOVAL_MS = 10_000;
const RETRY_MS = 50;

/** The hierarchies in use on this machine. Throws `AMBIT_CLUSTER_CGROUP` when none is mounted. */
export function hierarchies(): readonly Hierarchy[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => {
      const [head = '', tail = ''] = line.split(' - ');
      const [type = '', , options = ''] = tail.split(' ');
      return { type, mount: head.split(' ')[4] ?? '', options: new Set(options.split(',')) };
    });
  const first = readFileSync('/proc/self/cgroup', 'utf8')
    .split('\n')
    .map((line) => line.split(':')[1] ?? '')
    .filter((controllers) => controllers !== '')
    .flatMap((controllers): Hierarchy[] => {
      const found = mounts.find(
        ({ type, options }) => type === 'cgroup' && controllers.split(',').every((name) => options.has(name)),
      );
      return found === undefined ? [] : [{ controllers, mount: found.mount, folder: basename(found.mount) }];
    });
  if (first.some(({ controllers }) => controllers?.startsWith('name=') === false)) return first;
  const unified = mounts.find(({ type }) => type === 'cgroup2');
  if (unified === undefined) throw refused('no control groups are mounted at /sys/fs/cgroup');
  return [{ controllers: undefined, mount: unified.mount, folder: '' }];
}

/** The control groups of one node, the root of what it sees. */
export class NodeCgroups {
  readonly #cluster: string;
  readonly #node: string;

  /** `cluster` is the name of the cluster's groups, `node` that of the node's below them. */
  constructor(cluster: string, node: string) {
    this.#cluster = cluster;
    this.#node = node;
  }

  /** Makes them, without those that a killed node left: they cost kubelet three seconds a container at its next start. */
  async make(clock: Clock): Promise<void> {
    const all = hierarchies();
    await removeGroups(
      all.map(({ mount }) => join(mount, this.#cluster, this.#node)),
      clock,
    );
    try {
      for (const hierarchy of all) this.#makeIn(hierarchy);
    } catch (error) {
      throw refused(`cannot make ${this.#cluster}/${this.#node}: ${messageOf(error)}`);
    }
  }

  #makeIn({ controllers, mount }: Hierarchy): void {
    const above = join(mount, this.#cluster);
    const own = join(above, this.#node);
    mkdirSync(own, { recursive: true });
    if (controllers === undefined) {
      for (const group of [mount, above]) enableControllers(group);
    } else if (controllers.split(',').includes('cpuset')) {
      // A new one is empty and takes no process.
      for (const group of [above, own]) {
        for (const file of ['cpuset.cpus', 'cpuset.mems']) {
          writeFileSync(join(group, file), readFileSync(join(mount, file)));
        }
      }
    }
  }

  /** Files to which a process writes 0 to come in. */
  get entrances(): readonly string[] {
    return hierarchies().map(({ controllers, mount }) => {
      const own = join(mount, this.#cluster, this.#node);
      const inner = join(own, 'init');
      return join(controllers === undefined && existsSync(inner) ? inner : own, 'cgroup.procs');
    });
  }

  /** To be called when the node's namespaces are made: in version 2 a group has either processes or groups with limits. */
  openForContainers(): void {
    for (const { controllers, mount } of hierarchies()) {
      if (controllers !== undefined) continue;
      const own = join(mount, this.#cluster, this.#node);
      mkdirSync(join(own, 'init'), { recursive: true });
      for (const pid of readFileSync(join(own, 'cgroup.procs'), 'utf8').split('\n')) {
        if (pid !== '') writeFileSync(join(own, 'init', 'cgroup.procs'), pid);
      }
      enableControllers(own);
    }
  }
}

export function clusterCgroupsExist(cluster: string): boolean {
  return hierarchies().some(({ mount }) => existsSync(join(mount, cluster)));
}

/** Removes the groups of a cluster. Rejects with `AMBIT_CLUSTER_LEFTOVER` when a process stays in them. */
export async function removeClusterCgroups(cluster: string, clock: Clock): Promise<void> {
  await removeGroups(
    hierarchies().map(({ mount }) => join(mount, cluster)),
    clock,
  );
}

async function removeGroups(roots: readonly string[], clock: Clock): Promise<void> {
  for (const root of roots) {
    for (let waited = 0; existsSync(root); waited += RETRY_MS) {
      try {
        removeTree(root);
      } catch (error) {
        if (waited >= REMOVAL_MS) {
          throw new AmbitError('AMBIT_CLUSTER_LEFTOVER', `control group ${root}: ${messageOf(error)}`, {
            source: 'system',
          });
        }
        await new Promise<void>((resolve) => clock.setTimeout(resolve, RETRY_MS));
      }
    }
  }
}

/** Control groups are folders whose files cannot be removed, and go with them. */
function removeTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(folder, entry.name));
  }
  rmdirSync(folder);
}

function enableControllers(group: string): void {
  const offered = readFileSync(join(group, 'cgroup.controllers'), 'utf8').trim().split(' ');
  const wanted = CONTROLLERS.filter((name) => offered.includes(name));
  writeFileSync(join(group, 'cgroup.subtree_control'), wanted.map((name) => `+${name}`).join(' '));
}

function refused(why: string): AmbitError {
  return new AmbitError(
    'AMBIT_CLUSTER_CGROUP',
    `${why}. In a container, it must be privileged and own its control groups`,
    { source: 'system' },
  );
}
