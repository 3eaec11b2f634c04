import { resolve } from 'node:path';
import type { BenchArguments } from '../arguments.ts';
import type { Benchmark } from '../run/benchmark.ts';
import type { Subject } from '../run/stand.ts';
import { ambitProgram } from './ambit-program.ts';
import { envoyProgram, envoyVersion } from './envoy-program.ts';
import { L7_MEASURES } from './measures.ts';
import { measureStand } from './shapes.ts';
import type { WaypointProgram } from './waypoint-program.ts';
import { startStand } from './waypoint-stand.ts';

/** A waypoint between two tunnel ends. */
export function l7Benchmark({ peer, subjects }: BenchArguments): Benchmark {
  const envoy = peer === undefined ? undefined : resolve(peer);
  return {
    measures: L7_MEASURES,
    subjects: subjects.map((name) => subjectOf(name, programOf(name, envoy))),
    pinning: 'waypoint alone on cpu 1; generator, both tunnel ends and servers on cpu 0',
    accessLog: 'on for all waypoints, JSON, standard output to a file',
    peerVersion: envoy === undefined ? undefined : `Envoy ${envoyVersion(envoy)}`,
  };
}

function subjectOf(name: string, program: WaypointProgram | undefined): Subject {
  return {
    name,
    measure: async (windows) => {
      const stand = await startStand(program);
      const findings = await measureStand(stand, windows).finally(() => stand.close());
      return { findings, tls: stand.tls };
    },
  };
}

function programOf(name: string, envoy: string | undefined): WaypointProgram | undefined {
  switch (name) {
    case 'ambit':
      return ambitProgram();
    case 'envoy':
      return envoyProgram(envoy ?? '');
    default:
      return undefined;
  }
}
