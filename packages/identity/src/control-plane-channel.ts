import { open } from 'node:fs/promises';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { type ChannelCredentials, type ChannelOptions, credentials, Metadata } from '@grpc/grpc-js';
import { parsePem } from './certificate-chain.ts';
import { CREDENTIAL_FILE_MAX_BYTES } from './limits.ts';

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
  /** File with a bearer token, read anew for each request. Default: no token is sent. */
  readonly tokenFile?: string;
  /** Sent as header `clusterid`. Default: not sent. */
  readonly clusterId?: string;
  /** Further headers. Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
}

const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  // Calls fail at once and the caller decides when to try again.
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  // A proxy setting of the environment is not meant for the mesh's own control plane.
  'grpc.enable_http_proxy': 0,
  'grpc.use_local_subchannel_pool': 1,
};

/** What a gRPC client is made of, for one state of the roots (undefined: those of the system). Throws `AMBIT_CONFIG` for an unusable address. */
export function channelParts(
  plane: ControlPlane,
  rootsPem: string | undefined,
): { target: string; credentials: ChannelCredentials; options: ChannelOptions } {
  const url = URL.parse(plane.address);
  if (url?.protocol !== 'https:' || url.hostname === '' || url.pathname !== '/') {
    throw new AmbitError(
      'AMBIT_CONFIG',
      `control plane address ${JSON.stringify(plane.address)} is not https://host:port`,
      {
        source: 'configuration',
      },
    );
  }
  return {
    target: `${url.hostname}:${url.port === '' ? '443' : url.port}`,
    credentials: credentials.createSsl(rootsPem === undefined ? null : Buffer.from(rootsPem)),
    options:
      plane.serverName === undefined
        ? CHANNEL_OPTIONS
        : {
            ...CHANNEL_OPTIONS,
            'grpc.ssl_target_name_override': plane.serverName,
            'grpc.default_authority': plane.serverName,
          },
  };
}

/** The roots as they are now; undefined for those of the system. Throws `AMBIT_TRUST_BUNDLE` when they cannot be read or hold no certificate. */
export async function readRoots(source: PemSource): Promise<string | undefined> {
  if ('system' in source) return undefined;
  const where = 'file' in source ? source.file : 'the configured PEM';
  try {
    const pem = 'file' in source ? await readSmallFile(source.file) : source.pem;
    parsePem(pem);
    return pem;
  } catch (error) {
    throw new AmbitError('AMBIT_TRUST_BUNDLE', `roots of the control plane in ${where}: ${messageOf(error)}`, {
      source: 'configuration',
      retryable: true,
      cause: error,
    });
  }
}

/** Headers of one request, with the token as it is now. Throws `AMBIT_TOKEN` when the token cannot be read. */
export async function requestMetadata(plane: ControlPlane): Promise<Metadata> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(plane.headers ?? {})) metadata.set(name, value);
  if (plane.clusterId !== undefined) metadata.set('clusterid', plane.clusterId);
  if (plane.tokenFile === undefined) return metadata;
  try {
    const token = (await readSmallFile(plane.tokenFile)).trim();
    if (!/^[\x21-\x7e]+$/.test(token)) throw new Error('it holds no token');
    metadata.set('authorization', `Bearer ${token}`);
  } catch (error) {
    throw new AmbitError('AMBIT_TOKEN', `token file ${plane.tokenFile}: ${messageOf(error)}`, {
      source: 'configuration',
      retryable: true,
      cause: error,
    });
  }
  return metadata;
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
