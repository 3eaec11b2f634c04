/** Questions as an API server asks them, over HTTPS. */
import * as https from 'node:https';
import type { Verdict } from './review.ts';

/** What an object and a change of it are, in the words of a review. */
export interface Asked {
  readonly object: object | null;
  readonly oldObject?: object;
  readonly operation?: string;
  readonly subResource?: string;
  readonly dryRun?: boolean;
}

/** An AdmissionReview of an object, which carries `apiVersion` and `kind`. */
export function reviewOf({ object, oldObject, operation = 'CREATE', subResource = '', dryRun = false }: Asked): object {
  const {
    apiVersion = '',
    kind = '',
    metadata = {},
  } = (object ?? oldObject ?? {}) as {
    apiVersion?: string;
    kind?: string;
    metadata?: { name?: string; namespace?: string };
  };
  const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u-1',
      kind: { group, version, kind },
      resource: { group, version, resource: `${kind.toLowerCase()}s` },
      ...(subResource === '' ? {} : { subResource }),
      ...{ name: metadata.name, namespace: metadata.namespace, operation, userInfo: { username: 'anna' } },
      ...{ object, oldObject: oldObject ?? null, dryRun, options: null },
    },
  };
}

/** What is different in how it is sent. */
export interface Sent {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends a body; the status and text of the answer. `undefined`: sends the head alone and waits. */
export async function send(
  address: string,
  ca: string,
  body: string | undefined,
  { path = '/validate?timeout=5s', method = 'POST', headers = {} }: Sent = {},
): Promise<{ status: number; text: string }> {
  return await new Promise((resolve, reject) => {
    const request = https.request(
      new URL(path, address),
      // As the API server names it, wherever it is.
      {
        method,
        ca,
        servername: 'istiod.istio-system.svc',
        headers: { 'content-type': 'application/json', ...headers },
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          request.destroy();
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') });
        });
      },
    );
    request.on('error', reject);
    if (body === undefined) request.flushHeaders();
    else request.end(body);
  });
}

/** Asks, and gives what is answered. */
export async function ask(address: string, ca: string, asked: Asked): Promise<Verdict & { uid: string }> {
  const { status, text } = await send(address, ca, JSON.stringify(reviewOf(asked)));
  if (status !== 200) throw new Error(`${status}: ${text}`);
  const { response } = JSON.parse(text) as {
    response: { uid: string; allowed: boolean; status?: { message: string }; warnings?: string[] };
  };
  const { uid, allowed, warnings = [] } = response;
  return { uid, allowed, warnings, ...(response.status === undefined ? {} : { message: response.status.message }) };
}
