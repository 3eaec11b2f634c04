import { X509Certificate } from 'node:crypto';
import { open } from 'node:fs/promises';
import { AmbitError, messageOf } from './errors.ts';
import { CREDENTIAL_FILE_MAX_BYTES, KEEPALIVE_TIME_MS, KEEPALIVE_TIMEOUT_MS } from './limits.ts';

/** PEM text, the path of a file that holds it and is read anew when it matters, or the roots that Node comes with. */
export type PemSource = { readonly file: string } | { readonly pem: string } | { readonly system: true };

/** How to reach the control plane and how to prove who asks. */
export interface ControlPlane {
  /** `https://host:port`. */
  readonly address: string;
  /** Roots for the server's certificate. */
  readonly roots: PemSource;
  /** Name the server's certificate must carry. Default: the host of `address`. */
  readonly serverName?: string;
  /** File with a bearer token, read anew each time. Default: no token is sent. */
  readonly tokenFile?: string;
  /** Sent as header `clusterid`. Default: not sent. */
  readonly clusterId?: string;
  /** Further headers. Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** `host:port`. Throws `AMBIT_CONFIG` for an address that is not `https`: a token must not travel in plaintext. */
export function controlPlaneTarget({ address }: ControlPlane): string {
  const url = URL.parse(address);
  if (url?.protocol !== 'https:' || url.hostname === '' || url.pathname !== '/') {
    throw new AmbitError('AMBIT_CONFIG', `control plane address ${JSON.stringify(address)} is not https://host:port`, {
      source: 'configuration',
    });
  }
  return `${url.hostname}:${url.port === '' ? '443' : url.port}`;
}

/** The arguments of a gRPC channel to the control plane, whatever is spoken on it. */
export function channelArguments({ serverName }: ControlPlane): Record<string, number | string> {
  return {
    'grpc.keepalive_time_ms': KEEPALIVE_TIME_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    // What fails, fails at once, and its owner decides when to try again.
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    // A proxy setting of the environment is not meant for the mesh's own control plane.
    'grpc.enable_http_proxy': 0,
    'grpc.use_local_subchannel_pool': 1,
    ...(serverName === undefined
      ? {}
      : { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName }),
  };
}

/** The roots as they are now; undefined for those of the system. Throws `AMBIT_TRUST_BUNDLE` when they cannot be read or hold no certificate. */
export async function readRoots(source: PemSource): Promise<string | undefined> {
  if ('system' in source) return undefined;
  const where = 'file' in source ? source.file : 'the configured PEM';
  try {
    const pem = 'file' in source ? await readSmallFile(source.file) : source.pem;
    requireCertificate(pem);
    return pem;
  } catch (error) {
    throw new AmbitError('AMBIT_TRUST_BUNDLE', `roots of the control plane in ${where}: ${messageOf(error)}`, {
      source: 'configuration',
      retryable: true,
      cause: error,
    });
  }
}

/** Headers of one call or stream, with the token as it is now. Throws `AMBIT_TOKEN` when the token cannot be read. */
export async function controlPlaneHeaders(plane: ControlPlane): Promise<ReadonlyMap<string, string>> {
  const headers = new Map(Object.entries(plane.headers ?? {}));
  if (plane.clusterId !== undefined) headers.set('clusterid', plane.clusterId);
  if (plane.tokenFile === undefined) return headers;
  try {
    const token = (await readSmallFile(plane.tokenFile)).trim();
    if (!/^[\x21-\x7e]+$/.test(token)) throw new Error('it holds no token');
    return headers.set('authorization', `Bearer ${token}`);
  } catch (error) {
    throw new AmbitError('AMBIT_TOKEN', `token file ${plane.tokenFile}: ${messageOf(error)}`, {
      source: 'configuration',
      retryable: true,
      cause: error,
    });
  }
}

/** Without a root OpenSSL would refuse every server, with a message that does not name the file. */
function requireCertificate(pem: string): X509Certificate {
  return new X509Certificate(pem);
}

async function readSmallFile(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    if (size > CREDENTIAL_FILE_MAX_BYTES) throw new Error(`${size} bytes are too many`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
