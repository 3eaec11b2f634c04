import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { envoyConfig } from './envoy-config.ts';
import type { WaypointProgram } from './waypoint-program.ts';

/** Envoy as a waypoint, with one worker. */
export function envoyProgram(binary: string): WaypointProgram {
  return {
    objects: undefined,
    prepare: async ({ control, folder, pod, serverIp }) => {
      const config = join(folder, 'envoy.json');
      const certificates = await control.certificate(pod);
      // Standard output is the pod's log file, as for the other programs.
      writeFileSync(config, JSON.stringify(envoyConfig({ certificates, serverIp, accessLog: '/dev/stdout' })));
      return { command: [binary, '-c', config, '--concurrency', '1', '--disable-hot-restart', '-l', 'error'] };
    },
  };
}

/** E.g. `1.40.0/Clean/RELEASE/BoringSSL`. Throws `AMBIT_BENCH_PROGRAM`. */
export function envoyVersion(binary: string): string {
  let text: string;
  try {
    text = execFileSync(binary, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch (error) {
    throw new AmbitError('AMBIT_BENCH_PROGRAM', `${binary} --version: ${messageOf(error)}`, { cause: error });
  }
  const version = /version: [0-9a-f]+\/(\S+)/.exec(text)?.[1];
  if (version === undefined) throw new AmbitError('AMBIT_BENCH_PROGRAM', `${binary} is no Envoy: ${text.trim()}`);
  return version;
}
