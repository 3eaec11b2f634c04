import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { machineCpu, processCpu } from './process-cpu.ts';
import { processMemory } from './process-memory.ts';
import { processTree } from './process-tree.ts';

it('sees the processor time that this process burns', () => {
  const before = processCpu(process.pid);
  const machineBefore = machineCpu();
  const began = process.cpuUsage();
  for (let sum = 0; process.cpuUsage(began).user < 100_000; ) sum += Math.sqrt(sum);
  const used = processCpu(process.pid) - before;
  expect(used).toBeGreaterThan(90e6);
  expect(used).toBeLessThan(1000e6);
  expect(machineCpu() - machineBefore).toBeGreaterThan(80e6);
});

it('counts nothing for a process that is gone', () => {
  expect(processCpu(0x3fffffff)).toBe(0);
});

it('sees memory that this process fills as its own', () => {
  const before = processMemory(process.pid);
  const filled = Buffer.alloc(64 << 20, 1);
  const after = processMemory(process.pid);
  expect(after.anonymous - before.anonymous).toBeGreaterThan(60 << 20);
  expect(after.resident).toBeGreaterThan(after.anonymous);
  expect(filled.length).toBe(64 << 20);
});

it('finds what a process has started', async () => {
  const shell = spawn('sh', ['-c', 'sleep 60 & echo started; wait'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(shell.stdout, 'data');
  const tree = processTree(shell.pid ?? 0);
  expect(tree).toHaveLength(2);
  expect(tree[0]).toBe(shell.pid);
  for (const pid of tree.toReversed()) process.kill(pid);
  await once(shell, 'exit');
  expect(processTree(shell.pid ?? 0)).toEqual([]);
});
