import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { parseIp, parseSocketAddress, type SocketAddress } from '@ambit/core/address';
import { duration, readEnvironment, text, type Variable } from '@ambit/core/environment';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { waypointImage } from '@ambit/translation/waypoint-objects';
import type { TranslationSettings } from '@ambit/translation/translate/settings';
import { DEFAULT_REVISION } from '@ambit/translation/translate/revision';
import { RELEASE } from './release.ts';

/** Each variable is an option too: `TOKEN_KEY` is `--token-key`, and the option wins. */
const TABLE = {
  configDirs: list('CONFIG_DIR', [], 'directories of manifests; none: Kubernetes'),
  kubeconfig: text('KUBECONFIG', '', 'how to reach the API server; empty: with the credentials of the pod'),
  podName: text('POD_NAME', '', 'who this replica is; empty: the name of the host'),
  podNamespace: text('POD_NAMESPACE', '', 'namespace of this replica'),
  waypointImage: text('WAYPOINT_IMAGE', '', 'image of waypoints; empty: that of this release'),
  tokenKeyFile: text('TOKEN_KEY', '', 'PEM file of the public keys whose tokens are accepted'),
  tokenIssuer: text('TOKEN_ISSUER', 'https://kubernetes.default.svc.cluster.local', 'iss of accepted tokens'),
  stateDir: text('STATE_DIR', '', 'keeps the root and the last good manifests over a restart'),
  caDir: text('CA_DIR', '', 'a plugged-in authority in cacerts layout'),
  rootCertOut: text('ROOT_CERT_OUT', '', 'file that receives the root certificates'),
  listen: socketAddress('LISTEN', { ip: '0.0.0.0', port: 15_012 }, 'ADS and CA'),
  statusListen: socketAddress('STATUS_LISTEN', undefined, 'readiness, metrics and debugging'),
  validationWebhook: text(
    'VALIDATION_WEBHOOK_CONFIG_NAME',
    '',
    'the ValidatingWebhookConfiguration to switch on; empty: objects are not checked before they are stored',
  ),
  webhookListen: socketAddress('WEBHOOK_LISTEN', { ip: '0.0.0.0', port: 15_017 }, 'the admission webhook'),
  serverNames: list('SERVER_NAMES', [], 'further names of the server certificate'),
  trustDomain: text('TRUST_DOMAIN', 'cluster.local', 'trust domain of all identities'),
  rootNamespace: text('ROOT_NAMESPACE', '', 'namespace of mesh-wide policies; empty: that of this replica'),
  revision: revision('REVISION', DEFAULT_REVISION, 'revision of this control plane; empty: default'),
  pathNormalization: pathNormalization('PATH_NORMALIZATION', 'BASE', 'what waypoints make of the paths of requests'),
  clusterId: text('CLUSTER_ID', 'Kubernetes', 'name of the cluster'),
  network: text('NETWORK', '', 'network of pods that name none'),
  clusterDomain: text('CLUSTER_DOMAIN', 'cluster.local', 'suffix of Service names'),
  trustedNodeAccounts: list('CA_TRUSTED_NODE_ACCOUNTS', [], 'accounts that act for the pods of their node'),
  defaultCertTtl: duration('DEFAULT_WORKLOAD_CERT_TTL', 86_400_000, 'lifetime of certificates when none is asked for'),
  maxCertTtl: duration('MAX_WORKLOAD_CERT_TTL', 7_776_000_000, 'longest lifetime of certificates'),
  logLevel: level('LOG_LEVEL', 'info', 'least level that is logged'),
} as const;

type PathNormalizationName = TranslationSettings['pathNormalization'];

type Level = 'debug' | 'error' | 'fatal' | 'info' | 'silent' | 'trace' | 'warn';

export interface Options {
  /** Empty: Kubernetes. */
  readonly configDirs: readonly string[];
  /** Empty: the credentials of the pod. */
  readonly kubeconfig: string;
  readonly podName: string;
  readonly waypointImage: string;
  readonly tokenKeyFile: string;
  readonly tokenIssuer: string;
  readonly stateDir: string;
  readonly caDir: string;
  readonly rootCertOut: string;
  readonly listen: SocketAddress;
  readonly statusListen: SocketAddress;
  /** Name of a ValidatingWebhookConfiguration; empty: no admission webhook. */
  readonly validationWebhook: string;
  readonly webhookListen: SocketAddress;
  readonly serverNames: readonly string[];
  readonly trustDomain: string;
  readonly rootNamespace: string;
  readonly revision: string;
  readonly pathNormalization: PathNormalizationName;
  readonly clusterId: string;
  readonly network: string;
  readonly clusterDomain: string;
  readonly trustedNodeAccounts: readonly string[];
  readonly defaultCertTtl: number;
  readonly maxCertTtl: number;
  readonly logLevel: Level;
}

/** Reads options and environment. Throws `AMBIT_CONFIG` that names everything wrong. */
export function readOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Options {
  const written = readEnvironment(TABLE, { ...environment, ...readArguments(args) });
  const { configDirs, tokenKeyFile, caDir, stateDir, rootCertOut, podNamespace, validationWebhook } = written;
  const inDirectory = configDirs.length > 0;
  const stray = Object.entries({ '--token-key': tokenKeyFile, '--ca-dir': caDir, '--root-cert-out': rootCertOut });
  const wrong = [
    ...(inDirectory && tokenKeyFile === ''
      ? ['--token-key FILE (TOKEN_KEY) is required: without it no caller could be told']
      : []),
    ...(caDir !== '' && stateDir === caDir ? ['--state-dir and --ca-dir must differ'] : []),
    ...(inDirectory && validationWebhook !== ''
      ? ['--validation-webhook-config-name goes with Kubernetes only: nobody asks about the objects of a directory']
      : []),
    ...stray
      .filter(([, value]) => !inDirectory && value !== '')
      .map(([option]) => `${option} goes with --config-dir DIR (CONFIG_DIR) only: Kubernetes has its own`),
  ];
  if (wrong.length > 0) throw new AmbitError('AMBIT_CONFIG', wrong.join('; '), { source: 'configuration' });
  const rootNamespace = written.rootNamespace || podNamespace || 'istio-system';
  return {
    ...written,
    rootNamespace,
    podName: written.podName || hostname(),
    waypointImage: written.waypointImage || waypointImage(RELEASE),
    statusListen: written.statusListen ?? { ip: inDirectory ? '127.0.0.1' : '0.0.0.0', port: 15_014 },
    trustedNodeAccounts:
      written.trustedNodeAccounts.length > 0 ? written.trustedNodeAccounts : [`${rootNamespace}/ztunnel`],
  };
}

function readArguments(args: readonly string[]): Record<string, string> {
  const names = Object.values(TABLE).map(({ name }) => name);
  const config = Object.fromEntries(names.map((name) => [optionOf(name), { type: 'string', multiple: true } as const]));
  try {
    const { values } = parseArgs({ args: [...args], options: config, strict: true, allowPositionals: false });
    return Object.fromEntries(
      names.flatMap((name) => {
        const given = values[optionOf(name)];
        return given === undefined ? [] : [[name, given.join(',')]];
      }),
    );
  } catch (error) {
    throw new AmbitError('AMBIT_CONFIG', messageOf(error), { source: 'configuration', cause: error });
  }
}

function optionOf(variable: string): string {
  if (variable === 'DEFAULT_WORKLOAD_CERT_TTL') return 'default-cert-ttl';
  if (variable === 'MAX_WORKLOAD_CERT_TTL') return 'max-cert-ttl';
  if (variable === 'CA_TRUSTED_NODE_ACCOUNTS') return 'trusted-node-accounts';
  return variable.toLowerCase().replaceAll('_', '-');
}

/** Parts separated by commas; empty ones are left out. */
function list(name: string, fallback: readonly string[], about: string): Variable<readonly string[]> {
  const parse = (value: string): readonly string[] =>
    value
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  return { name, about, fallback, parse };
}

/** What a label can carry. */
function revision(name: string, fallback: string, about: string): Variable<string> {
  const parse = (value: string): string => {
    if (value === '') return fallback;
    if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(value)) {
      throw new Error('must be at most 63 lower-case letters, digits and inner hyphens');
    }
    return value;
  };
  return { name, about, fallback, parse };
}

/** As MeshConfig calls them. */
function pathNormalization(
  name: string,
  fallback: PathNormalizationName,
  about: string,
): Variable<PathNormalizationName> {
  const names: readonly PathNormalizationName[] = ['NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'];
  const parse = (value: string): PathNormalizationName => {
    if (value === '' || value === 'DEFAULT') return fallback;
    const found = names.find((candidate) => candidate === value);
    if (found === undefined) throw new Error(`must be one of DEFAULT, ${names.join(', ')}`);
    return found;
  };
  return { name, about, fallback, parse };
}

/** `ip:port`; port 0 lets the system choose. */
function socketAddress<Fallback extends SocketAddress | undefined>(
  name: string,
  fallback: Fallback,
  about: string,
): Variable<Fallback | SocketAddress> {
  const parse = (value: string): SocketAddress => {
    const zero = /^(.*):0$/.exec(value);
    const ip = zero === null ? undefined : parseIp((zero[1] ?? '').replace(/^\[|\]$/g, ''));
    const address = ip === undefined ? parseSocketAddress(value) : { ip, port: 0 };
    if (address === undefined) throw new Error('must be an IP address and port such as 0.0.0.0:15012 or [::]:15012');
    return address;
  };
  return { name, about, fallback, parse };
}

function level(name: string, fallback: Level, about: string): Variable<Level> {
  const levels: readonly Level[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
  const parse = (value: string): Level => {
    const found = levels.find((candidate) => candidate === value);
    if (found === undefined) throw new Error(`must be one of ${levels.join(', ')}`);
    return found;
  };
  return { name, about, fallback, parse };
}
