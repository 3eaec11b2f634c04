import { X509Certificate } from 'node:crypto';
import { open } from 'node:fs/promises';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { type ChannelCredentials, type ChannelOptions, credentials, Metadata } from '@grpc/grpc-js';
import {
  CREDENTIAL_FILE_MAX_BYTES,
  FLOW_CONTROL_WINDOW_BYTES,
  KEEPALIVE_TIME_MS,
  KEEPALIVE_TIMEOUT_MS,
  RESPONSE_MAX_BYTES,
} from './limits.ts';

/** PEM text, the path of a file that holds it and is read anew for each connection, or the roots that Node comes with. */
export type PemSource = { readonly file: string } | { readonly pem: string } | { readonly system: true };

/** How to reach the control plane and how to prove who asks. */
export interface ControlPlane {
  /** `https://host:port`. */
  readonly address: string;
  /** Roots for the server's certificate. */
  readonly roots: PemSource;
  /** Name the server's certificate must carry. Default: the host of `address`. */
  readonly serverName?: string;
  /** File with a bearer token, read anew for each stream. Default: no token is sent. */
  readonly tokenFile?: string;
  /** Sent as header `clusterid`. Default: not sent. */
  readonly clusterId?: string;
  /** Further headers. Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
}

const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.max_receive_message_length': RESPONSE_MAX_BYTES,
  'grpc-node.flow_control_window': FLOW_CONTROL_WINDOW_BYTES,
  'grpc.keepalive_time_ms': KEEPALIVE_TIME_MS,
  'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
  // Streams fail at once and the owner decides when to try again.
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  // A proxy setting of the environment is not meant for the mesh's own control plane.
  'grpc.enable_http_proxy': 0,
  'grpc.use_local_subchannel_pool': 1,
};

/** What a gRPC client is made of, with the roots as they are now. Throws `AMBIT_CONFIG` or `AMBIT_TRUST_BUNDLE`. */
export async function channelParts(
  plane: ControlPlane,
): Promise<{ target: string; credentials: ChannelCredentials; options: ChannelOptions }> {
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
  const name =
    plane.serverName === undefined
      ? {}
      : { 'grpc.ssl_target_name_override': plane.serverName, 'grpc.default_authority': plane.serverName };
  return {
    target: `${url.hostname}:${url.port === '' ? '443' : url.port}`,
    credentials: credentials.createSsl(await readRoots(plane.roots)),
    options: { ...CHANNEL_OPTIONS, ...name },
  };
}

/** Headers of one stream, with the token as it is now. Throws `AMBIT_TOKEN` when the token cannot be read. */
export async function streamMetadata(plane: ControlPlane): Promise<Metadata> {
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

async function readRoots(source: PemSource): Promise<Buffer | null> {
  if ('system' in source) return null;
  const where = 'file' in source ? source.file : 'the configured PEM';
  try {
    const pem = 'file' in source ? await readSmallFile(source.file) : source.pem;
    // Without a root OpenSSL would refuse every server, with a message that does not name the file.
    parseFirstCertificate(pem);
    return Buffer.from(pem);
  } catch (error) {
    throw new AmbitError('AMBIT_TRUST_BUNDLE', `roots of the control plane in ${where}: ${messageOf(error)}`, {
      source: 'configuration',
      retryable: true,
      cause: error,
    });
  }
}

function parseFirstCertificate(pem: string): X509Certificate {
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
