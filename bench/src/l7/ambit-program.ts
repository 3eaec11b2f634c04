import { PROXY_RUNTIME_ENVIRONMENT, PROXY_RUNTIME_FLAGS } from '@ambit/core/runtime-flags';
import { programPath } from '@ambit/local/bed/programs';
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
      return Promise.resolve({
        command: [process.execPath, ...PROXY_RUNTIME_FLAGS, programPath('waypoint')],
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
