import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AmbitError } from '@ambit/core/errors';
import { PROXY_RUNTIME_ENVIRONMENT, PROXY_RUNTIME_FLAGS } from '@ambit/core/runtime-flags';
import { requestInside } from '@ambit/local/bed/request-inside';
import { WAYPOINT_NAME } from './echo-service.ts';
import { routeObjects } from './mesh-objects.ts';
import type { WaypointProgram } from './waypoint-program.ts';

const READINESS_PORT = 15021;

/** Our waypoint, with one data thread, programmed by our controller. */
export function ambitProgram(): WaypointProgram {
  return {
    objects: routeObjects(),
    prepare: ({ control, pod }) => {
      // The same number of folders up from src/l7 and from dist/l7.
      const path = fileURLToPath(new URL('../../../packages/waypoint/dist/main.js', import.meta.url));
      if (!existsSync(path)) {
        throw new AmbitError('AMBIT_BENCH_PROGRAM', `${path} is not there: build the repository first`);
      }
      return Promise.resolve({
        command: [process.execPath, ...PROXY_RUNTIME_FLAGS, path],
        environment: {
          ...PROXY_RUNTIME_ENVIRONMENT,
          ...control.environment(pod),
          GATEWAY_NAME: WAYPOINT_NAME,
          WAYPOINT_WORKER_THREADS: '1',
          LOG_FORMAT: 'json',
        },
        ready: () => requestInside(pod.networkNamespace, { ip: '127.0.0.1', port: READINESS_PORT }, '/healthz/ready'),
      });
    },
  };
}
