import { expect, it } from 'vitest';
import { machineCpu, processCpu } from './process-cpu.ts';
import { processMemory } from './process-memory.ts';

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
