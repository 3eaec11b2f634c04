import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { SocketAddress } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import { dialInside } from './dial.ts';

/** Milliseconds that a listener of our own programs may take to answer. */
const REQUEST_TIMEOUT_MS = 5_000;

/** The body of one HTTP request from inside a network namespace. Rejects with `AMBIT_STATUS` unless it is answered with 200. */
export async function requestInside(
  namespace: number,
  to: SocketAddress,
  path: string,
  method = 'GET',
): Promise<string> {
  const call = request({
    method,
    path,
    headers: { host: to.ip, connection: 'close' },
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    createConnection: () => dialInside(namespace, to),
  });
  call.end();
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  const body = await text(response);
  if (response.statusCode === 200) return body;
  throw new AmbitError(
    'AMBIT_STATUS',
    `${method} ${path} is answered with ${response.statusCode ?? 0}: ${body.slice(0, 300)}`,
  );
}
