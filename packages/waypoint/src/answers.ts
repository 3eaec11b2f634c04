import type { LocalAnswer } from '@ambit/traffic/local-answer';

/** The service of an open connection is not served by this waypoint any more: a new connection finds who does. */
export const SERVICE_NOT_SERVED: LocalAnswer = {
  status: 503,
  flags: 'NC',
  details: 'cluster_not_found',
  body: 'the service is not served here',
  grpcStatus: undefined,
};
