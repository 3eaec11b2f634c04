import { PROXY_RUNTIME_ENVIRONMENT, PROXY_RUNTIME_FLAGS } from '@ambit/core/runtime-flags';
import { programPath } from '@ambit/local/bed/programs';
import { requestInside } from '@ambit/local/bed/request-inside';
import { WAYPOINT_NAME } from './echo-service.ts';
import { featureObjects } from './feature-objects.ts';
import { routeObjects } from './mesh-objects.ts';
import { LIMIT, RETRY } from './policies.ts';
import type { Tokens } from './tokens.ts';
import type { WaypointProgram } from './waypoint-program.ts';

const READINESS_PORT = 15021;
const METRICS_PORT = 15020;
const ADMIN_PORT = 15000;

const RETRIED = { attempts: RETRY.attempts, codes: [RETRY.code], backoff: `${RETRY.backOffMs}ms` };

const EVIDENCE: WaypointProgram['evidence'] = [
  {
    port: METRICS_PORT,
    path: '/metrics',
    shows: [
      /^istio_requests_total\{[^}]*response_code="200"[^}]*\} [1-9]/m,
      /^istio_requests_total\{[^}]*response_code="401"[^}]*\} [1-9]/m,
      /^istio_requests_total\{[^}]*response_code="403"[^}]*\} [1-9]/m,
    ],
  },
  { port: ADMIN_PORT, path: '/clusters', shows: [new RegExp(String(LIMIT))] },
];

/** Our waypoint, with one data thread, programmed by our controller. Without tokens it has routes alone. */
export function ambitProgram(tokens: Tokens | undefined): WaypointProgram {
  return {
    objects: (serverIp) =>
      tokens === undefined ? routeObjects([], undefined) : routeObjects(featureObjects(tokens, serverIp), RETRIED),
    evidence: EVIDENCE,
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
