/** What an API server does with its ValidatingWebhookConfigurations, as far as a test needs it. */
import type { StoredObject, TestKubernetes } from '../test-kubernetes.ts';
import { ask } from './test-review.ts';

const COLLECTION = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';

interface Webhook {
  readonly name: string;
  readonly rules?: readonly { readonly apiGroups: readonly string[] }[];
  readonly failurePolicy: 'Fail' | 'Ignore';
  readonly clientConfig: { readonly url: string; readonly caBundle?: string };
}

/** The configuration as the chart makes it, for a webhook at an address. */
export function chartsConfiguration(name: string, address: string): StoredObject {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name, labels: { app: 'istiod' } },
    webhooks: ['rev.validation.istio.io', 'validation.istio.io'].map((webhook) => ({
      name: webhook,
      clientConfig: { url: `${address}/validate` },
      // What the API server writes where nothing stands.
      failurePolicy: 'Fail',
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
    })),
  };
}

export function webhooksOf(kubernetes: TestKubernetes, name: string): readonly Webhook[] {
  return (kubernetes.get(COLLECTION, name)?.['webhooks'] ?? []) as readonly Webhook[];
}

export function putConfiguration(kubernetes: TestKubernetes, object: StoredObject): void {
  kubernetes.put(COLLECTION, object);
}

export function removeConfiguration(kubernetes: TestKubernetes, name: string): void {
  kubernetes.remove(COLLECTION, name);
}

/** From now on the API server asks, about what is created, the webhooks of a configuration whose rules have the group. */
export function askWebhooks(kubernetes: TestKubernetes, name: string): void {
  kubernetes.admit = async (collection, object) => {
    const [, , group = ''] = collection.split('/');
    for (const webhook of webhooksOf(kubernetes, name)) {
      if (!(webhook.rules ?? []).some(({ apiGroups }) => apiGroups.includes(group))) continue;
      const { url, caBundle = '' } = webhook.clientConfig;
      try {
        const ca = Buffer.from(caBundle, 'base64').toString('utf8');
        const { allowed, message = '' } = await ask(new URL(url).origin, ca, { object });
        if (!allowed) return `admission webhook "${webhook.name}" denied the request: ${message}`;
      } catch (error) {
        if (webhook.failurePolicy === 'Fail') return `failed calling webhook "${webhook.name}": ${String(error)}`;
      }
    }
    return undefined;
  };
}
