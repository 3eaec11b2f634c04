import { request } from 'node:http';
import { MARKER, MARKER_HEADER } from './settings.ts';
import type { TraceFields } from './trace-fields.ts';

/** How long one call to another service may take, in milliseconds. */
export const CALL_TIMEOUT = 5_000;

/** An HTTP answer, complete. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** GET on a connection of its own. Rejects when the connection fails or the answer takes longer than `CALL_TIMEOUT`. */
export function get(url: string, trace: TraceFields = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { ...trace, [MARKER_HEADER]: MARKER };
    const options = { agent: false, headers, signal: AbortSignal.timeout(CALL_TIMEOUT) };
    const call = request(url, options, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body });
      });
      response.on('error', reject);
    });
    call.on('error', reject);
    call.end();
  });
}
