import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { messageOf } from '@ambit/core/errors';
import type * as yaml from 'yaml';
import type { ApiServer } from './api-server.ts';
import { certificatesOf, configurationError, readCredential, renewedCredential, tokenOf } from './credential-file.ts';

type Section = Readonly<Record<string, unknown>>;

/** Fields of a user that mean something we do not do; without them the same file would name somebody else. */
const REFUSED_OF_USER: Readonly<Record<string, string>> = {
  exec: 'exec plugins are not run; write a token, a tokenFile or a client certificate instead',
  'auth-provider': 'auth providers are not supported; write a token, a tokenFile or a client certificate instead',
  username: 'basic authentication is not supported; Kubernetes itself has none since 1.19',
  password: 'basic authentication is not supported; Kubernetes itself has none since 1.19',
  as: 'impersonation is not supported',
  'as-uid': 'impersonation is not supported',
  'as-groups': 'impersonation is not supported',
  'as-user-extra': 'impersonation is not supported',
};

/**
 * Reads a kubeconfig (`v1` `Config` of client-go's clientcmd). `path` stands in messages and is what relative paths are
 * relative to. Throws `AMBIT_KUBE_CONFIG`.
 */
export function readKubeconfig(text: string, path: string, context?: string): ApiServer {
  const config = sectionOf(parseYaml(text, path), path);
  const contextName = context ?? stringOf(config, 'current-context', path);
  if (contextName === undefined || contextName === '') throw configurationError(`${path}: no current-context is set`);
  const chosen = named(config, 'contexts', 'context', contextName, path);
  const at = (kind: string, name: string): string => `${path}: ${kind} ${JSON.stringify(name)}`;
  const clusterName = required(chosen, 'cluster', at('context', contextName));
  const cluster = named(config, 'clusters', 'cluster', clusterName, path);
  const userName = stringOf(chosen, 'user', at('context', contextName)) ?? '';
  const user = userName === '' ? {} : named(config, 'users', 'user', userName, path);
  const folder = dirname(resolve(path));
  return {
    ...readCluster(cluster, at('cluster', clusterName), folder),
    ...readUser(user, at('user', userName), folder),
  };
}

function readCluster(cluster: Section, where: string, folder: string): ApiServer {
  if (cluster['insecure-skip-tls-verify'] === true) {
    throw configurationError(
      `${where}: insecure-skip-tls-verify is refused, since anyone between could take the credentials; write certificate-authority-data instead`,
    );
  }
  if (stringOf(cluster, 'proxy-url', where)) throw configurationError(`${where}: proxy-url is not supported`);
  const server = required(cluster, 'server', where);
  const url = URL.parse(server);
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.search !== '') {
    // With a name there may be a password.
    const shown = server.includes('@') ? '' : ` ${JSON.stringify(server)}`;
    throw configurationError(`${where}: server${shown} is not https://host:port`);
  }
  const ca = credential(cluster, 'certificate-authority', where, folder);
  const serverName = stringOf(cluster, 'tls-server-name', where);
  return {
    url,
    ...(ca === undefined ? {} : { ca: certificatesOf(ca, `${where}: certificate-authority`) }),
    ...(serverName === undefined ? {} : { serverName }),
  };
}

function readUser(user: Section, where: string, folder: string): Pick<ApiServer, 'client' | 'token'> {
  for (const [field, reason] of Object.entries(REFUSED_OF_USER)) {
    if (user[field] !== undefined && user[field] !== null) throw configurationError(`${where}: ${field}: ${reason}`);
  }
  const certificate = credential(user, 'client-certificate', where, folder);
  const key = credential(user, 'client-key', where, folder);
  if ((certificate === undefined) !== (key === undefined)) {
    throw configurationError(`${where}: client-certificate and client-key need each other`);
  }
  if (certificate !== undefined && key !== undefined) requirePair(certificate, key, where);
  const token = readToken(user, where, folder);
  return {
    ...(certificate === undefined || key === undefined ? {} : { client: { certificate, key } }),
    ...(token === undefined ? {} : { token }),
  };
}

/** As in kubectl, `tokenFile` wins over `token`. */
function readToken(user: Section, where: string, folder: string): (() => string) | undefined {
  const file = stringOf(user, 'tokenFile', where);
  if (file !== undefined && file !== '') {
    const path = resolve(folder, file);
    return renewedCredential(path, `${where}: tokenFile`, (text) => tokenOf(text, path));
  }
  const text = stringOf(user, 'token', where);
  if (text === undefined || text === '') return undefined;
  const token = tokenOf(text, `${where}: token`);
  return () => token;
}

/** The field with `-data` (base64) wins over the one that names a file, as in kubectl. */
function credential(section: Section, field: string, where: string, folder: string): string | undefined {
  const data = stringOf(section, `${field}-data`, where);
  if (data !== undefined && data !== '') {
    const compact = data.replaceAll(/\s/g, '');
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(compact)) throw configurationError(`${where}: ${field}-data is not base64`);
    return Buffer.from(compact, 'base64').toString('utf8');
  }
  const file = stringOf(section, field, where);
  if (file === undefined || file === '') return undefined;
  return readCredential(resolve(folder, file), `${where}: ${field}`);
}

function requirePair(certificate: string, key: string, where: string): void {
  try {
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) throw new Error('they do not match');
  } catch (error) {
    throw configurationError(`${where}: client-certificate and client-key: ${messageOf(error)}`, error);
  }
}

function parseYaml(text: string, path: string): unknown {
  // Loaded only by who reads a kubeconfig: it costs 3 MiB, and an agent on a node never does.
  const { parse } = createRequire(import.meta.url)('yaml') as typeof yaml;
  try {
    return parse(text, { strict: true, uniqueKeys: true });
  } catch (error) {
    // What follows the first line is the text around the place, which may be a token or a key. So may the cause.
    const [reason = ''] = messageOf(error).split('\n');
    throw configurationError(`${path} is no YAML: ${reason.replace(/:$/, '')}`);
  }
}

function named(config: Section, list: string, field: string, name: string, path: string): Section {
  const entries: readonly unknown[] = Array.isArray(config[list]) ? config[list] : [];
  const entry = entries.map((one) => sectionOf(one, `${path}: ${list}`)).find((one) => one.name === name);
  if (entry === undefined) throw configurationError(`${path}: ${list} has no ${JSON.stringify(name)}`);
  return sectionOf(entry[field], `${path}: ${field} ${JSON.stringify(name)}`);
}

function sectionOf(value: unknown, where: string): Section {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw configurationError(`${where} is not a map`);
  }
  return value as Section;
}

function stringOf(section: Section, field: string, where: string): string | undefined {
  const value = section[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw configurationError(`${where}: ${field} is not a text`);
  return value;
}

function required(section: Section, field: string, where: string): string {
  const value = stringOf(section, field, where);
  if (value === undefined || value === '') throw configurationError(`${where}: ${field} is missing`);
  return value;
}
