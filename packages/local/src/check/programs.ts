import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { LoadReport } from './clients/options.ts';
import type { RunningLoad } from './bench.ts';

/** The JSON that a program prints before it ends. Rejects with what it said when it fails; `child` has pipes. */
export async function resultOf<Result>(child: ChildProcess): Promise<Result> {
  const [output, complaint, [code]] = await Promise.all([
    read(child, 'stdout'),
    read(child, 'stderr'),
    once(child, 'exit'),
  ]);
  if (code !== 0) throw new Error(`a program of the checks ended with ${String(code)}: ${lastLine(complaint)}`);
  return JSON.parse(output) as Result;
}

/** A load that is under way, as soon as the load client says so. */
export async function runningLoad(child: ChildProcess): Promise<RunningLoad> {
  if (child.stdout === null || child.stdin === null) throw new Error('the load client has no pipes');
  const complaint = read(child, 'stderr');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const line = await lines.next();
    if (line.done !== true) return line.value;
    throw new Error(`the load client ended: ${lastLine(await complaint)}`);
  };
  const first = await next();
  if (first !== 'ready') throw new Error(`the load client says ${first}`);
  const { stdin } = child;
  // A client that died reports itself by the missing line.
  stdin.on('error', () => undefined);
  return {
    stop: async () => {
      stdin.end();
      return JSON.parse(await next()) as LoadReport;
    },
  };
}

function read(child: ChildProcess, name: 'stdout' | 'stderr'): Promise<string> {
  const stream = child[name];
  return stream === null ? Promise.resolve('') : text(stream);
}

function lastLine(complaint: string): string {
  const lines = complaint.trim().split('\n');
  return lines.find((line) => /Error/.test(line)) ?? lines.at(-1) ?? '';
}
