import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The pod that a process belongs to, by the outermost part of its control group that is named after one: `pod<uid>` below
 * `kubepods` (cgroupfs), or `kubepods-burstable-pod<uid with _ for ->.slice` (systemd). What a container makes below its own group has no say.
 */
export function podUidOfCgroup(text: string): string | undefined {
  for (const line of text.split('\n')) {
    const match = /[/-]pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?=[/.]|$)/.exec(line);
    if (match?.[1] !== undefined) return match[1].replaceAll('_', '-');
  }
  return undefined;
}

/** The processes of all pods of the node: uid -> process numbers, the oldest (mostly the sandbox's own) first. */
export function podProcesses(proc: string): Map<string, number[]> {
  const found = new Map<string, number[]>();
  const numbers = readdirSync(proc)
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .toSorted((one, other) => one - other);
  for (const number of numbers) {
    const uid = podUidOfCgroup(read(join(proc, String(number), 'cgroup')));
    if (uid === undefined) continue;
    const processes = found.get(uid);
    if (processes === undefined) found.set(uid, [number]);
    else processes.push(number);
  }
  return found;
}

/** The user that kubelet runs as; 0 when no process is called so, as where it is a part of a larger program. */
export function kubeletUid(proc: string): number {
  const number = programOfNode(proc, 'kubelet');
  if (number === undefined) return 0;
  return Number(/^Uid:\s+[0-9]+\s+([0-9]+)/m.exec(read(join(proc, number, 'status')))?.[1] ?? 0);
}

/** Whether a process of the node itself, and not of a pod, has a name. */
export function runsOnNode(proc: string, name: string): boolean {
  return programOfNode(proc, name) !== undefined;
}

function programOfNode(proc: string, name: string): string | undefined {
  return readdirSync(proc).find(
    (number) =>
      /^[0-9]+$/.test(number) &&
      read(join(proc, number, 'comm')).trim() === name &&
      // A container may call a process of its own so.
      podUidOfCgroup(read(join(proc, number, 'cgroup'))) === undefined,
  );
}

/** Empty when the process has ended meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
