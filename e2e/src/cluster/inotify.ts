import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Instances that the control plane and each node took when they were counted, and some for pods. */
const CONTROL_PLANE = 11;
const NODE = 9;
const PODS = 8;

const LIMIT = '/proc/sys/fs/inotify/max_user_instances';

/**
 * Says so when the machine's limit of inotify instances, which all of root's programs share, leaves too few for a cluster:
 * containerd and kubelet then end with "too many open files". Undefined when there are enough.
 */
export function inotifyProblem(nodes: number): string | undefined {
  const limit = Number(readFileSync(LIMIT, 'utf8'));
  const used = instancesInUse();
  const needed = CONTROL_PLANE + NODE * nodes + PODS;
  if (used + needed <= limit) return undefined;
  const fix = `sysctl -w fs.inotify.max_user_instances=${Math.max(1024, 2 * limit)}`;
  return `a cluster of ${nodes} nodes needs ${needed} inotify instances, and ${used} of ${limit} are in use: ${fix}, or end another cluster`;
}

function instancesInUse(): number {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((pid) => {
      const folder = join('/proc', pid, 'fd');
      return listing(folder).filter((fd) => target(join(folder, fd)) === 'anon_inode:inotify');
    }).length;
}

function listing(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function target(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined;
  }
}
