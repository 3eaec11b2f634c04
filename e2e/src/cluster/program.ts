import { join } from 'node:path';
import type { Clock } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import { type CommandOptions, mustRun } from './command.ts';
import type { Program } from './control-plane.ts';
import { type NamespaceName, entering, programIn, programsIn, signal } from './namespaces.ts';
import { identityOf, isAlive } from './process-identity.ts';

/** How long a program may take to come, and a killed one to go, and between two looks; milliseconds. */
const START_MS = 3_000;
const PATIENCE_MS = 10_000;
const LOOK_MS = 10;

export interface ProgramPlace extends NamespaceName {
  readonly cgroups?: readonly string[];
}

/**
 * Starts a program that lives as long as its namespaces; nothing starts it again. Resolves when it is that program, and no
 * longer the shell that starts it; a program that ended at once is not told apart here.
 */
export async function startProgram(place: ProgramPlace, program: Program, options: CommandOptions): Promise<void> {
  const log = join(place.state, 'log', `${program.name}${place.node === undefined ? '' : `-${place.node}`}.log`);
  await mustRun(entering(place, programIn(log, program.argv), { cgroups: place.cgroups ?? [] }), options);
  for (let waited = 0; waited < START_MS && programsOf(place, program.name).length === 0; waited += LOOK_MS) {
    await new Promise<void>((resolve) => options.clock.setTimeout(resolve, LOOK_MS));
  }
}

/** Ends a program with a signal and waits until it is gone. Rejects with `AMBIT_CLUSTER_PROGRAM` when it is not there or stays. */
export async function stopProgram(
  place: NamespaceName,
  name: string,
  how: NodeJS.Signals,
  clock: Clock,
): Promise<void> {
  const where = place.node === undefined ? 'beside the control plane' : `on node ${place.node}`;
  const pids = programsOf(place, name);
  if (pids.length === 0) throw new AmbitError('AMBIT_CLUSTER_PROGRAM', `no ${name} runs ${where}`);
  // One that is dying has no command line any more, but still its ports.
  const ending = pids.map(identityOf).filter((process) => process !== undefined);
  for (const { pid } of ending) signal(pid, how);
  for (let waited = 0; ending.some(isAlive); waited += LOOK_MS) {
    if (waited > PATIENCE_MS) {
      throw new AmbitError('AMBIT_CLUSTER_PROGRAM', `${name} ${where} does not end on ${how}`, { source: 'system' });
    }
    await new Promise<void>((resolve) => clock.setTimeout(resolve, LOOK_MS));
  }
}

/** Process numbers of a program. */
function programsOf(place: NamespaceName, name: string): number[] {
  return programsIn(place)
    .filter((one) => one.name === name)
    .map(({ pid }) => pid);
}

/** Those of `names` that do not run. Throws `AMBIT_CLUSTER_DOWN` when the namespaces are gone. */
export function endedPrograms(place: NamespaceName, names: Iterable<string>): string[] {
  const running = new Set(programsIn(place).map(({ name }) => name));
  return [...names].filter((name) => !running.has(name));
}
