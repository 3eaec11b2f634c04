import { resolve } from 'node:path';
import { systemClock } from '@ambit/core/clock';
import type { BenchArguments } from '../arguments.ts';
import type { Benchmark } from '../run/benchmark.ts';
import type { Subject } from '../run/stand.ts';
import { ambitProgram } from './ambit-program.ts';
import { envoyProgram, envoyVersion } from './envoy-program.ts';
import { L7_MEASURES } from './measures.ts';
import { measureStand } from './shapes.ts';
import { mintTokens, type Tokens } from './tokens.ts';
import type { WaypointProgram } from './waypoint-program.ts';
import { startStand } from './waypoint-stand.ts';

/** A waypoint between two tunnel ends. */
export function l7Benchmark({ features, peer, subjects }: BenchArguments): Benchmark {
  const tokens = features === 'all' ? mintTokens(Math.floor(systemClock.wallTime() / 1000)) : undefined;
  const envoy = peer === undefined ? undefined : resolve(peer);
  return {
    measures: L7_MEASURES,
    subjects: subjects.map((name) => subjectOf(name, programOf(name, envoy, tokens), tokens)),
    pinning: 'waypoint alone on cpu 1; generator, both tunnel ends and servers on cpu 0',
    accessLog: 'on for all waypoints, JSON, standard output to a file',
    peerVersion: envoy === undefined ? undefined : `Envoy ${envoyVersion(envoy)}`,
  };
}

function subjectOf(name: string, program: WaypointProgram | undefined, tokens: Tokens | undefined): Subject {
  return {
    name,
    measure: async (windows) => {
      const stand = await startStand(program, tokens);
      const findings = await measureStand(stand, windows).finally(() => stand.close());
      return { findings, tls: stand.tls };
    },
  };
}

function programOf(name: string, envoy: string | undefined, tokens: Tokens | undefined): WaypointProgram | undefined {
  switch (name) {
    case 'ambit':
      return ambitProgram(tokens);
    case 'envoy':
      return envoyProgram(envoy ?? '', tokens);
    default:
      return undefined;
  }
}
