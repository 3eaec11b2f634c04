import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '@ambit/core/clock';
import type { Drainable } from '@ambit/core/drain';
import type { Logger } from '@ambit/core/log';
import type { KubeClient } from '@ambit/kube/client';
import { Informer } from '@ambit/kube/informer';
import { type KubeObject, VALIDATING_WEBHOOK_CONFIGURATIONS } from '@ambit/kube/resource';
import type { Counters } from '../serve/counters.ts';
import { WorkQueue } from '../write/work-queue.ts';
import { proveWebhook } from './probe.ts';

/** Istio's: of objects of this revision, and of those without one. */
const WEBHOOK_NAMES: readonly string[] = ['rev.validation.istio.io', 'validation.istio.io'];

/** What the API server asks about: Istio's groups and our own, and no subresource, so that writing a status or a scale asks nobody. */
export const WEBHOOK_RULES: readonly object[] = [
  {
    operations: ['CREATE', 'UPDATE'],
    apiGroups: [
      'security.istio.io',
      'networking.istio.io',
      'telemetry.istio.io',
      'extensions.istio.io',
      'policy.ambit.io',
    ],
    apiVersions: ['*'],
    resources: ['*'],
    scope: '*',
  },
];

/** Fields of one webhook that are the leader's. */
interface Webhook {
  readonly name: string;
  readonly rules?: readonly object[];
  readonly failurePolicy?: string;
  readonly clientConfig?: { readonly caBundle?: string; readonly [field: string]: unknown };
}

interface WebhookConfiguration extends KubeObject {
  readonly kind: 'ValidatingWebhookConfiguration';
  readonly webhooks?: readonly Webhook[];
}

export interface ValidationWebhookParts {
  readonly client: KubeClient;
  readonly writes: Pick<KubeClient, 'apply'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
  /** Of the configuration, which the chart makes. */
  readonly name: string;
  /** Where a probe is pretended to be created. */
  readonly namespace: string;
  readonly revision: string;
}

/**
 * Switches the webhook on, in a configuration that somebody else makes and deletes. First the API server is told whom to
 * believe and what to ask about, and to go on without an answer; when it has been seen to ask, to refuse without one.
 * Never the other way round. The replica that leads writes.
 */
export class ValidationWebhook implements Drainable {
  readonly #parts: ValidationWebhookParts;
  readonly #informer: Informer<WebhookConfiguration>;
  readonly #queue: WorkQueue;
  #caBundle = '';
  #proven = false;

  constructor(parts: ValidationWebhookParts) {
    const { name } = parts;
    this.#parts = parts;
    this.#queue = new WorkQueue({ ...parts, what: 'validation-webhook', reconcile: () => this.#reconcile() });
    this.#informer = new Informer<WebhookConfiguration>({
      ...parts,
      resource: VALIDATING_WEBHOOK_CONFIGURATIONS,
      fieldSelector: `metadata.name=${name}`,
      onChange: () => this.#check(),
      onResync: () => this.#check(),
    });
  }

  /** Whether nothing is stored that was not looked at, as far as this replica knows. */
  get enforced(): boolean {
    const configuration = this.#configuration;
    return configuration !== undefined && ours(configuration).length > 0 && this.#isAs(configuration, 'Fail');
  }

  start(rootsPem: string): void {
    this.change(rootsPem);
    this.#informer.start();
  }

  /** Other roots from now on; during a handover both. */
  change(rootsPem: string): void {
    this.#caBundle = Buffer.from(rootsPem).toString('base64');
    this.#check();
  }

  lead(leading: boolean): void {
    this.#queue.enable(leading);
    this.#proven = false;
    this.#check();
  }

  async close(options: { deadline: number }): Promise<void> {
    this.#informer.destroy();
    await this.#queue.close(options);
  }

  destroy(): void {
    this.#informer.destroy();
    this.#queue.destroy();
  }

  get #configuration(): WebhookConfiguration | undefined {
    return this.#informer.get(this.#parts.name);
  }

  #check(): void {
    const configuration = this.#configuration;
    if (configuration === undefined || ours(configuration).length === 0) return;
    if (!this.enforced) this.#queue.add(this.#parts.name);
  }

  async #reconcile(): Promise<boolean> {
    const configuration = this.#configuration;
    if (configuration === undefined || this.enforced) return false;
    const { client, namespace, revision, log } = this.#parts;
    // What was strict stays so when the roots change.
    const isStrict = this.#proven || ours(configuration).every(isEnforced);
    if (isStrict) await this.#apply(configuration, 'Fail');
    else {
      if (!this.#isAs(configuration, 'Ignore')) await this.#apply(configuration, 'Ignore');
      await proveWebhook(client, { namespace, revision });
      this.#proven = true;
      await this.#apply(configuration, 'Fail');
      log.info({ configuration: this.#parts.name }, 'objects are checked before they are stored from now on');
    }
    return true;
  }

  async #apply({ metadata, webhooks }: WebhookConfiguration, failurePolicy: string): Promise<void> {
    const { name, uid } = metadata;
    const applied: WebhookConfiguration = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      // One that was made anew meanwhile is another one.
      metadata: { name, ...(uid === undefined ? {} : { uid }) },
      webhooks: ours({ webhooks: webhooks ?? [] }).map((webhook) => ({
        name: webhook.name,
        rules: WEBHOOK_RULES,
        failurePolicy,
        clientConfig: { caBundle: this.#caBundle },
      })),
    };
    const options = { fieldManager: 'ambit-validation-webhook', force: true };
    await this.#parts.writes.apply(VALIDATING_WEBHOOK_CONFIGURATIONS, applied, options);
  }

  #isAs(configuration: WebhookConfiguration, policy: 'Fail' | 'Ignore'): boolean {
    return ours(configuration).every(
      ({ rules, failurePolicy, clientConfig }) =>
        failurePolicy === policy &&
        clientConfig?.caBundle === this.#caBundle &&
        isDeepStrictEqual(rules, WEBHOOK_RULES),
    );
  }
}

/** Further ones, that others have added, are theirs. */
function ours({ webhooks = [] }: Pick<WebhookConfiguration, 'webhooks'>): readonly Webhook[] {
  return webhooks.filter(({ name }) => WEBHOOK_NAMES.includes(name));
}

/** Whether some leader has proven it. Without rules the API server asks nothing, whatever the policy. */
function isEnforced({ rules = [], failurePolicy, clientConfig }: Webhook): boolean {
  return rules.length > 0 && failurePolicy === 'Fail' && (clientConfig?.caBundle ?? '') !== '';
}
