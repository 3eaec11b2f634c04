import {
  channelArguments,
  type ControlPlane,
  controlPlaneHeaders,
  controlPlaneTarget,
} from '@ambit/core/control-plane';
import { Client, credentials, Metadata } from '@grpc/grpc-js';

/** A gRPC client of the CA, for one state of the roots (undefined: those of the system). Throws `AMBIT_CONFIG` for an unusable address. */
export function openChannel(plane: ControlPlane, rootsPem: string | undefined): Client {
  const tls = credentials.createSsl(rootsPem === undefined ? null : Buffer.from(rootsPem));
  return new Client(controlPlaneTarget(plane), tls, channelArguments(plane));
}

/** Headers of one request. Throws `AMBIT_TOKEN`. */
export async function requestMetadata(plane: ControlPlane): Promise<Metadata> {
  const metadata = new Metadata();
  for (const [name, value] of await controlPlaneHeaders(plane)) metadata.set(name, value);
  return metadata;
}
