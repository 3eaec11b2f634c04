import { TestAuthority } from '@ambit/identity/test-authority';
import { describe, expect, it } from 'vitest';
import {
  askWebhooks,
  chartsConfiguration,
  putConfiguration,
  removeConfiguration,
  webhooksOf,
} from './admission/test-admit.ts';
import { controlPlaneOfEachTest } from './test-control-plane.ts';
import { eventually } from './test-controller.ts';

const NAME = 'istio-validator-istio-system';

const plane = controlPlaneOfEachTest();

async function start(): Promise<void> {
  await plane.controller.start('--validation-webhook-config-name', NAME, '--webhook-listen', '127.0.0.1:0');
}

function policies(): string[] {
  return webhooksOf(plane.kubernetes, NAME).map(({ failurePolicy, rules = [] }) =>
    rules.length === 0 ? 'off' : failurePolicy,
  );
}

async function policiesBecome(policy: 'Fail' | 'Ignore'): Promise<void> {
  await eventually(() => (policies().every((one) => one === policy) ? true : undefined), `the policy ${policy}`);
}

function trusted(): string[] {
  return webhooksOf(plane.kubernetes, NAME).map(({ clientConfig }) =>
    Buffer.from(clientConfig.caBundle ?? '', 'base64').toString('utf8'),
  );
}

/** The policies of every write of the leader to the configuration. */
function written(): string[] {
  return plane.kubernetes.server.received
    .filter(({ method, path }) => method === 'PATCH' && path.endsWith(NAME))
    .map(({ body }) => (JSON.parse(body) as { webhooks: { failurePolicy: string }[] }).webhooks)
    .map((webhooks) => webhooks.map(({ failurePolicy }) => failurePolicy).join(' '));
}

/** What the API server answers to whom creates an object. */
async function create(path: string, object: object): Promise<{ status: number; message: string }> {
  const response = await fetch(new URL(path, plane.kubernetes.server.apiServer.url), {
    method: 'POST',
    body: JSON.stringify(object),
  });
  const { message = '' } = (await response.json()) as { message?: string };
  return { status: response.status, message };
}

async function createPolicy(spec: object): Promise<{ status: number; message: string }> {
  return await create('/apis/security.istio.io/v1/namespaces/shop/authorizationpolicies', {
    ...{ apiVersion: 'security.istio.io/v1', kind: 'AuthorizationPolicy' },
    ...{ metadata: { name: 'a', namespace: 'shop' }, spec },
  });
}

async function enforced(): Promise<string | undefined> {
  const { text } = await plane.controller.page('/metrics');
  return /^ambit_validation_webhook_enforced (\d)$/m.exec(text)?.[1];
}

describe('the admission webhook', () => {
  it('is switched on by the leader when the API server is seen to ask, and refuses from then on', async () => {
    await start();
    expect(await createPolicy({ ruls: [] })).toMatchObject({ status: 200 });
    plane.kubernetes.remove('/apis/security.istio.io/v1/authorizationpolicies', 'shop/a');
    putConfiguration(plane.kubernetes, chartsConfiguration(NAME, plane.controller.webhook));
    // Nobody asks yet: objects are taken without an answer.
    await policiesBecome('Ignore');
    expect(trusted().every((pem) => pem.startsWith('-----BEGIN CERTIFICATE-----'))).toBe(true);
    await plane.controller.logged('AMBIT_WEBHOOK_UNPROVEN');
    expect(policies()).toEqual(['Ignore', 'Ignore']);
    expect(await enforced()).toBe('0');

    askWebhooks(plane.kubernetes, NAME);
    await policiesBecome('Fail');
    await expect.poll(enforced).toBe('1');
    expect(
      plane.kubernetes.get('/apis/networking.istio.io/v1/gateways', 'istio-system/ambit-webhook-probe'),
    ).toBeUndefined();
    const [webhook] = webhooksOf(plane.kubernetes, NAME);
    expect(webhook).toMatchObject({
      rules: [{ operations: ['CREATE', 'UPDATE'], resources: ['*'], scope: '*' }],
      sideEffects: 'None',
      clientConfig: { url: `${plane.controller.webhook}/validate` },
    });
    expect(await createPolicy({ ruls: [] })).toEqual({
      status: 422,
      message:
        'admission webhook "rev.validation.istio.io" denied the request: AuthorizationPolicy shop/a: spec.ruls: unknown field "ruls" (did you mean rules?)',
    });
    expect(await createPolicy({ rules: [] })).toMatchObject({ status: 200 });
    expect((await plane.controller.page('/ready')).status).toBe(200);
  }, 40_000);

  it('believes nobody else, and gets back what somebody took away', async () => {
    await start();
    askWebhooks(plane.kubernetes, NAME);
    putConfiguration(plane.kubernetes, chartsConfiguration(NAME, plane.controller.webhook));
    await policiesBecome('Fail');
    const [right] = trusted();
    const other = chartsConfiguration(NAME, plane.controller.webhook);
    putConfiguration(plane.kubernetes, other);
    await policiesBecome('Fail');
    expect(trusted()).toEqual([right, right]);
  }, 40_000);

  it('trusts both roots while one follows the other, and refuses all the time', async () => {
    await start();
    askWebhooks(plane.kubernetes, NAME);
    putConfiguration(plane.kubernetes, chartsConfiguration(NAME, plane.controller.webhook));
    await policiesBecome('Fail');
    const [before = ''] = trusted();
    const earlier = written().length;
    const next = await TestAuthority.create({ name: 'next root' });
    const material = {
      ...{ 'ca-cert.pem': next.certificatePem, 'ca-key.pem': await next.keyPem() },
      ...{ 'root-cert.pem': next.rootPem, 'cert-chain.pem': '' },
    };
    const data = Object.entries(material).map(([file, text]) => [file, Buffer.from(text).toString('base64')]);
    plane.kubernetes.put('/api/v1/secrets', {
      metadata: { name: 'cacerts', namespace: 'istio-system' },
      data: Object.fromEntries(data) as object,
    });
    const both = await eventually(() => trusted().find((pem) => pem !== before), 'both roots');
    expect(both.split('BEGIN CERTIFICATE')).toHaveLength(3);
    expect(both).toContain(before.trim());
    expect(new Set(written().slice(earlier))).toEqual(new Set(['Fail Fail']));
    expect(await createPolicy({ ruls: [] })).toMatchObject({ status: 422 });
  }, 60_000);

  it('is left in force by the next leader as the one before has left it', async () => {
    await start();
    askWebhooks(plane.kubernetes, NAME);
    putConfiguration(plane.kubernetes, chartsConfiguration(NAME, plane.controller.webhook));
    await policiesBecome('Fail');
    await plane.controller.stop();
    await start();
    await plane.controller.logged('leads');
    plane.kubernetes.put('/api/v1/namespaces', { metadata: { name: 'later' } });
    await eventually(
      () => plane.kubernetes.get('/api/v1/configmaps', 'later/istio-ca-root-cert'),
      'another write of the leader',
    );
    await expect.poll(enforced).toBe('1');
    const [first, ...later] = written();
    expect(first).toBe('Ignore Ignore');
    expect(new Set(later)).toEqual(new Set(['Fail Fail']));
  }, 40_000);

  it('is made by nobody here: what is gone stays gone, and nothing is refused', async () => {
    await start();
    askWebhooks(plane.kubernetes, NAME);
    expect(webhooksOf(plane.kubernetes, NAME)).toEqual([]);
    putConfiguration(plane.kubernetes, chartsConfiguration(NAME, plane.controller.webhook));
    await policiesBecome('Fail');
    removeConfiguration(plane.kubernetes, NAME);
    await expect.poll(enforced).toBe('0');
    plane.kubernetes.put('/api/v1/namespaces', { metadata: { name: 'later' } });
    await eventually(
      () => plane.kubernetes.get('/api/v1/configmaps', 'later/istio-ca-root-cert'),
      'another write of the leader',
    );
    expect(webhooksOf(plane.kubernetes, NAME)).toEqual([]);
    expect(await createPolicy({ ruls: [] })).toMatchObject({ status: 200 });
  }, 40_000);
});
