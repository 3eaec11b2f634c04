import type { WeightedDestination as Message } from '@ambit/proto/waypoint';
import { MAX_WEIGHT_SUM } from '../limits.ts';
import type { Problems } from './problems.ts';
import { readHeaderChanges } from './read-header-changes.ts';
import { readMirrors } from './read-mirrors.ts';
import { readRedirect } from './read-redirect.ts';
import { readRewrite } from './read-rewrite.ts';
import type { WeightedDestination } from './served-service.ts';

/** Weighted destinations of requests; every cluster must be among `clusters`, or empty for a backend that is not there. */
export function readDestinations(
  messages: readonly Message[],
  field: string,
  clusters: ReadonlySet<string>,
  problems: Problems,
): WeightedDestination[] {
  const sum = messages.reduce((total, { weight }) => total + weight, 0);
  if (sum > MAX_WEIGHT_SUM) problems.add(field, `the weights add up to ${sum}, more than ${MAX_WEIGHT_SUM}`);
  return messages.map((message, index) => readDestination(message, `${field}[${index}]`, clusters, problems));
}

/** Those of connections: nothing is done to their bytes. */
export function readTcpDestinations(
  messages: readonly Message[],
  field: string,
  clusters: ReadonlySet<string>,
  problems: Problems,
): WeightedDestination[] {
  const destinations = readDestinations(messages, field, clusters, problems);
  for (const [index, { requestHeaders, responseHeaders, rewrite, redirect, mirrors }] of destinations.entries()) {
    if ((requestHeaders ?? responseHeaders ?? rewrite ?? redirect) !== null || mirrors.length > 0) {
      problems.add(`${field}[${index}]`, 'changes or copies requests, and connections have none');
    }
  }
  return destinations;
}

function readDestination(
  message: Message,
  field: string,
  clusters: ReadonlySet<string>,
  problems: Problems,
): WeightedDestination {
  const { cluster, weight, redirect } = message;
  if (cluster.length > 0 && !clusters.has(cluster)) {
    problems.add(`${field}.cluster`, `${cluster} is not among the clusters of the resource`);
  }
  if (cluster.length > 0 && redirect !== undefined) {
    problems.add(`${field}.cluster`, `${cluster} is set beside a redirect, which answers in its place`);
  }
  return {
    cluster,
    weight,
    requestHeaders: readHeaderChanges(message.requestHeaders, `${field}.request_headers`, problems),
    responseHeaders: readHeaderChanges(message.responseHeaders, `${field}.response_headers`, problems),
    rewrite: readRewrite(message.rewrite, `${field}.rewrite`, problems),
    redirect: redirect === undefined ? null : readRedirect(redirect, `${field}.redirect`, problems),
    mirrors: readMirrors(message.mirrors, `${field}.mirrors`, clusters, problems),
  };
}
