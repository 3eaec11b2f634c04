import { readFileSync, readdirSync } from 'node:fs';

/** The process and everything it started that still runs, itself first; empty when it is gone. */
export function processTree(pid: number, proc = '/proc'): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync(proc)) {
    if (!/^[0-9]+$/.test(name)) continue;
    try {
      const text = readFileSync(`${proc}/${name}/stat`, 'latin1');
      // "pid (command) state ppid ...": the command may hold spaces and parentheses.
      parents.set(Number(name), Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // It ended while we looked.
    }
  }
  if (!parents.has(pid)) return [];
  const tree = [pid];
  for (const member of tree) {
    for (const [child, parent] of parents) if (parent === member) tree.push(child);
  }
  return tree;
}
