import { AmbitError, messageOf } from '@ambit/core/errors';
import { type ServedService as Message, ServedServiceSchema } from '@ambit/proto/waypoint';
import { fromBinary } from '@bufbuild/protobuf';
import { FEATURES } from '../features.ts';
import { MAX_LISTED_PROBLEMS } from '../limits.ts';
import { Problems } from './problems.ts';
import { readAuthorizationPolicies } from './read-authorization.ts';
import { readAuthorizers } from './read-authorizer.ts';
import { readClusters } from './read-cluster.ts';
import { readLocalRateLimits } from './read-local-rate-limit.ts';
import { readPort } from './read-port.ts';
import type { PathNormalization } from '../request/path.ts';
import { readTelemetry } from './read-telemetry.ts';
import { readTokenRules } from './read-token-rules.ts';
import type { ClientFields, ServedService } from './served-service.ts';

const PATH_NORMALIZATIONS = [
  'base',
  'none',
  'merge-slashes',
  'decode-and-merge-slashes',
] as const satisfies readonly PathNormalization[];

const FORWARDED_FOR = ['pass', 'append', 'replace'] as const satisfies readonly ClientFields['forwardedFor'][];

const NAMES = ['waypointNamespace', 'waypointName', 'namespace'] as const;

/**
 * Reads a resource. All of it is checked and nothing is half taken: it throws `AMBIT_WAYPOINT_FEATURE` when the resource
 * asks for what this version cannot do, and `AMBIT_WAYPOINT_RESOURCE` when anything in it makes no sense. Both name the
 * resource, the fields and the probable cause; the caller keeps the version that it had.
 */
export function readServedService(bytes: Uint8Array): ServedService {
  const message = decode(bytes);
  const { workloadUid } = message;
  const named = workloadUid === '' ? [message.namespace, message.hostname] : [workloadUid];
  const resourceName = [message.waypointNamespace, message.waypointName, ...named].join('/');
  const unknown = message.requiredFeatures.filter((feature) => !FEATURES.has(feature));
  if (unknown.length > 0) {
    throw new AmbitError(
      'AMBIT_WAYPOINT_FEATURE',
      `resource ${resourceName}: required_features: this version does not know ${unknown.join(', ')}; the controller is ` +
        'newer than this waypoint: upgrade the waypoint',
      { source: 'configuration' },
    );
  }
  const problems = new Problems();
  for (const name of NAMES) {
    if (message[name].length === 0) problems.add(snakeCase(name), 'is empty');
  }
  if (message.hostname === '' && workloadUid === '') problems.add('hostname', 'is empty, and so is workload_uid');
  if (message.hostname !== '' && workloadUid !== '') {
    problems.add('workload_uid', 'is set beside a hostname; is it a service or a workload?');
  }
  const asked = new Set(message.authorizers.map(({ cluster }) => cluster));
  const clusters = readClusters(message.clusters, workloadUid, asked, problems);
  const clusterNames = new Set(clusters.map(({ name }) => name));
  const service: ServedService = {
    resourceName,
    waypointNamespace: message.waypointNamespace,
    waypointName: message.waypointName,
    namespace: message.namespace,
    hostname: message.hostname.toLowerCase(),
    workloadUid,
    ports: message.ports.map((port, index) => {
      const field = `ports[${index}]`;
      if (port.port !== 0 || workloadUid === '') problems.checkPort(port.port, `${field}.port`);
      return readPort(port, field, clusterNames, problems);
    }),
    clusters,
    tokenRules: readTokenRules(message.tokenRules, 'token_rules', problems),
    authorizationPolicies: readAuthorizationPolicies(
      message.authorizationPolicies,
      'authorization_policies',
      problems,
      new Set(message.authorizers.map(({ name }) => name)),
    ),
    authorizers: readAuthorizers(message.authorizers, clusterNames, 'authorizers', problems),
    pathNormalization:
      problems.enumName(PATH_NORMALIZATIONS, message.pathNormalization, 'path_normalization') ?? 'base',
    telemetry: readTelemetry(message.telemetry, 'telemetry', problems),
    clientFields: {
      certificate: message.clientFields?.certificate ?? false,
      forwardedFor:
        problems.enumName(FORWARDED_FOR, message.clientFields?.forwardedFor ?? 0, 'client_fields.forwarded_for') ??
        'pass',
    },
    localRateLimits: readLocalRateLimits(message.localRateLimits, 'local_rate_limits', problems),
  };
  problems.refuseRepeated(
    'ports',
    message.ports.map(({ port }) => port),
    'port',
  );
  if (problems.list.length > 0) throw refused(resourceName, problems.list);
  return service;
}

function decode(bytes: Uint8Array): Message {
  try {
    return fromBinary(ServedServiceSchema, bytes);
  } catch (cause) {
    throw new AmbitError(
      'AMBIT_WAYPOINT_RESOURCE',
      `a resource of ${bytes.length} bytes is no ServedService: ${messageOf(cause)}; is the controller of another kind?`,
      { source: 'configuration', cause },
    );
  }
}

function refused(resourceName: string, problems: readonly string[]): AmbitError {
  const rest = problems.length - MAX_LISTED_PROBLEMS;
  const listed = problems.slice(0, MAX_LISTED_PROBLEMS).join('; ');
  const more = rest > 0 ? `; and ${rest} more` : '';
  return new AmbitError('AMBIT_WAYPOINT_RESOURCE', `resource ${resourceName}: ${listed}${more}`, {
    source: 'configuration',
  });
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
