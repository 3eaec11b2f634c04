import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { ENVOY_ADMIN_PORT, envoyConfig } from './envoy-config.ts';
import { LIMIT } from './policies.ts';
import type { Tokens } from './tokens.ts';
import type { WaypointProgram } from './waypoint-program.ts';

const EVIDENCE: WaypointProgram['evidence'] = [
  {
    port: ENVOY_ADMIN_PORT,
    path: '/stats',
    shows: [
      /rbac\.allowed: [1-9]/,
      /rbac\.denied: [1-9]/,
      /jwt_authn\.allowed: [1-9]/,
      /jwt_authn\.denied: [1-9]/,
      /jwt_authn\.jwt_cache_hit: [1-9]/,
      /outlier_detection\.ejections_total: 0/,
      new RegExp(`circuit_breakers\\.default\\.remaining_rq: ${LIMIT}`),
      /tracing\.random_sampling: [1-9]/,
    ],
  },
];

/** Envoy as a waypoint, with one worker. Without tokens it has routes, retries and the log alone. */
export function envoyProgram(binary: string, tokens: Tokens | undefined): WaypointProgram {
  return {
    objects: undefined,
    evidence: EVIDENCE,
    prepare: async ({ control, folder, pod, serverIp }) => {
      const config = join(folder, 'envoy.json');
      const certificates = await control.certificate(pod);
      // Standard output is the pod's log file, as for the other programs.
      writeFileSync(config, JSON.stringify(envoyConfig({ certificates, serverIp, accessLog: '/dev/stdout', tokens })));
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
