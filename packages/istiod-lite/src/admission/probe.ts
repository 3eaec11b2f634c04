import { AmbitError } from '@ambit/core/errors';
import { type KubeClient, KubeError } from '@ambit/kube/client';
import type { KubeObject } from '@ambit/kube/resource';
import { LEADER_WRITE_MS } from '../limits.ts';

const ANNOTATION = 'ambit.io/webhook-always-reject';

/** What every replica says of an object with the annotation, and nobody else. */
export const PROBE_REFUSAL: string = `refused because the annotation ${ANNOTATION} asks for it; so this webhook is reached`;

/** Whether an object exists only to be refused. */
export function isProbe({ metadata }: Pick<KubeObject, 'metadata'>): boolean {
  const annotations = metadata.annotations ?? {};
  return Object.hasOwn(annotations, ANNOTATION) && annotations[ANNOTATION] === 'true';
}

/**
 * Proves that the API server asks the webhook and believes its certificate: it is told to create, as a dry run, an object
 * that is right for everybody else. Rejects with `AMBIT_WEBHOOK_UNPROVEN`.
 */
export async function proveWebhook(
  client: Pick<KubeClient, 'post'>,
  { namespace, revision }: { readonly namespace: string; readonly revision: string },
): Promise<void> {
  const probe = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'Gateway',
    metadata: {
      name: 'ambit-webhook-probe',
      namespace,
      labels: { 'istio.io/rev': revision },
      annotations: { [ANNOTATION]: 'true' },
    },
    spec: { servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['probe.ambit.io'] }] },
  };
  const path = `/apis/networking.istio.io/v1/namespaces/${namespace}/gateways?dryRun=All`;
  try {
    await client.post(path, probe, { timeout: LEADER_WRITE_MS, attempts: 1 });
  } catch (error) {
    if (error instanceof KubeError && error.message.includes(PROBE_REFUSAL)) return;
    throw unproven(error instanceof Error ? error.message : String(error), error);
  }
  throw unproven(
    'the API server took an object that the webhook refuses: it does not reach port 443 of the Service, or does not believe the certificate there',
  );
}

function unproven(reason: string, cause?: unknown): AmbitError {
  return new AmbitError('AMBIT_WEBHOOK_UNPROVEN', `objects are not checked before they are stored yet: ${reason}`, {
    source: 'system',
    retryable: true,
    cause,
  });
}
