import { type LocalAnswer, localAnswer } from '@ambit/traffic/local-answer';

/** The service of an open connection is not served by this waypoint any more: a new connection finds who does. */
export const SERVICE_NOT_SERVED: LocalAnswer = localAnswer(
  503,
  'NC',
  'cluster_not_found',
  'the service is not served here',
);
