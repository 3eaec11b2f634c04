import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { SocketAddress } from '@ambit/core/address';
import { dialInside } from '@ambit/local/bed/dial';
import { AUTHORITY } from '../http-exchange.ts';

const TIMEOUT_MS = 5_000;

/** The status of the answer to one GET, from inside a network namespace, with a bearer token or without. */
export async function ask(namespace: number, to: SocketAddress, path: string, token?: string): Promise<number> {
  const call = request({
    path,
    headers: {
      host: AUTHORITY,
      connection: 'close',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    signal: AbortSignal.timeout(TIMEOUT_MS),
    createConnection: () => dialInside(namespace, to),
  });
  call.end();
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  return response.statusCode ?? 0;
}
