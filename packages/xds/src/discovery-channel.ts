import {
  channelArguments,
  type ControlPlane,
  controlPlaneHeaders,
  controlPlaneTarget,
  readRoots,
} from '@ambit/core/control-plane';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { FLOW_CONTROL_WINDOW_BYTES, RESPONSE_MAX_BYTES } from './limits.ts';

/** What a stream is opened with, from roots and token as they are now. Throws `AMBIT_CONFIG`, `AMBIT_TRUST_BUNDLE` or `AMBIT_TOKEN`. */
export async function streamParts(plane: ControlPlane): Promise<{ open: () => Client; metadata: Metadata }> {
  const target = controlPlaneTarget(plane);
  const [rootsPem, headers] = await Promise.all([readRoots(plane.roots), controlPlaneHeaders(plane)]);
  const metadata = new Metadata();
  for (const [name, value] of headers) metadata.set(name, value);
  const tls = credentials.createSsl(rootsPem === undefined ? null : Buffer.from(rootsPem));
  const options = {
    ...channelArguments(plane),
    'grpc.max_receive_message_length': RESPONSE_MAX_BYTES,
    'grpc-node.flow_control_window': FLOW_CONTROL_WINDOW_BYTES,
  };
  return { open: () => new Client(target, tls, options), metadata };
}
