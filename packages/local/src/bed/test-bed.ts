import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@ambit/core/clock';
import { ZdsClient } from '@ambit/zds/client';
import { type Bed, createBed } from './bed.ts';
import type { BedOptions } from './bed-options.ts';
import type { NodeName } from './address-plan.ts';

/** A bed in a folder of its own, which goes with it. */
export async function openBed(
  options: Omit<BedOptions, 'clock' | 'directory'> = {},
): Promise<{ bed: Bed; close: () => Promise<void>; reports: string[] }> {
  const directory = mkdtempSync(join(tmpdir(), 'bed-'));
  const reports: string[] = [];
  const bed = await createBed({
    directory,
    clock: systemClock,
    report: ({ code, message }) => reports.push(`${code} ${message}`),
    ...options,
  });
  return {
    bed,
    reports,
    close: async () => {
      await bed.close({ deadline: 1_000 });
      rmSync(directory, { recursive: true });
    },
  };
}

/** Tries until it holds. */
export async function eventually(
  what: string,
  attempt: () => boolean | Promise<boolean>,
  within = 5_000,
): Promise<void> {
  const end = performance.now() + within;
  while (!(await attempt())) {
    if (performance.now() > end) throw new Error(`not within ${within} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Stands for a node's proxy towards its agent: serves every pod it is given, and notes which. */
export class AgreeingProxy {
  readonly pods: Map<string, { name: string; namespace: number }> = new Map();
  readonly #client: ZdsClient;

  constructor(bed: Bed, node: NodeName) {
    this.#client = new ZdsClient({
      path: bed.node(node).zdsSocket,
      clock: systemClock,
      owner: {
        onAdd: (uid, { name }, namespace) => {
          this.pods.set(uid, { name, namespace });
          return Promise.resolve();
        },
        onRemove: (uid) => {
          this.pods.delete(uid);
          return Promise.resolve();
        },
      },
      onState: () => undefined,
      onProblem: () => undefined,
    });
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

/** Arguments that run a few lines as a program inside a pod. */
export function script(lines: string): string[] {
  return ['node', '--input-type=module', '-e', lines];
}

/** A server that answers each line with its pod's name and the address that it came from. */
export const WHO_SERVER: string[] = script(`
  import { createServer } from 'node:net';
  createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', () => socket.write(process.env.HOSTNAME + ' saw ' + socket.remoteAddress + '\\n'));
  }).listen(Number(process.env.PORT ?? 8080), '0.0.0.0');
`);

/** Asks a server one line from inside a pod and ends. */
export function ask(host: string, port: number): string[] {
  return script(`
    import { connect } from 'node:net';
    const socket = connect(${port}, ${JSON.stringify(host)}, () => socket.write('who\\n'));
    socket.on('data', (text) => { console.log(String(text).trim()); socket.end(); });
    socket.on('error', (error) => { console.log(error.code); });
  `);
}
