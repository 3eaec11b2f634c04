import { X509Certificate } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { formatSpiffeId, type SpiffeId } from '@ambit/core/spiffe';
import { CaClient } from '@ambit/identity/ca-client';
import { caService } from '@ambit/identity/ca-service';
import { createCertificateRequest } from '@ambit/identity/csr';
import { type IstioCertificateResponse, IstioCertificateRequestSchema } from '@ambit/proto/ca';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ztunnelClaims } from './ca/test-tokens.ts';
import { eventually, podManifest, SERVER_NAME, TestController, ZTUNNEL_POD } from './test-controller.ts';

const CART: SpiffeId = { trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'cart' };
const APP_CLAIMS = {
  sub: 'system:serviceaccount:shop:cart',
  'kubernetes.io': {
    namespace: 'shop',
    node: { name: 'a' },
    pod: { name: 'cart-1', uid: 'uid-cart-1' },
    serviceaccount: { name: 'cart' },
  },
};

let controller: TestController;

beforeAll(async () => {
  controller = await TestController.create();
  await controller.put(
    'pods.status.yaml',
    ZTUNNEL_POD + podManifest('cart-1') + podManifest('far-1', { account: 'far', node: 'b' }),
  );
  await controller.start();
});
afterAll(() => controller.destroy());

interface Call {
  /** Undefined: no authorization header. */
  token?: string | undefined;
  identity?: SpiffeId;
  impersonate?: unknown;
  csr?: string;
  seconds?: number;
}

/** One raw call, without what a well-behaved client checks. */
async function call(change: Call = {}): Promise<{ chain: X509Certificate[] } | { code: string; details: string }> {
  const identity = change.identity ?? CART;
  const { csrPem } = await createCertificateRequest(identity);
  const impersonate = 'impersonate' in change ? change.impersonate : formatSpiffeId(identity);
  const request = create(IstioCertificateRequestSchema, {
    csr: change.csr ?? csrPem,
    validityDuration: BigInt(change.seconds ?? 3_600),
    metadata: impersonate === undefined ? {} : { ImpersonatedIdentity: impersonate as string },
  });
  const metadata = new Metadata();
  const token = 'token' in change ? change.token : controller.signer.token();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  const client = new Client(
    controller.address.slice('https://'.length),
    credentials.createSsl(Buffer.from(await controller.roots())),
    { 'grpc.ssl_target_name_override': SERVER_NAME, 'grpc.default_authority': SERVER_NAME },
  );
  const { path, requestSerialize, responseDeserialize } = caService.CreateCertificate;
  return await new Promise((resolve) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      (error: ServiceError | null, response?: IstioCertificateResponse) => {
        client.close();
        if (error !== null) resolve({ code: status[error.code], details: error.details });
        else resolve({ chain: (response?.certChain ?? []).map((pem) => new X509Certificate(pem)) });
      },
    );
  });
}

describe('the certificate authority', () => {
  it('issues to the node proxy what a pod on its node is', async () => {
    const client = new CaClient({
      address: controller.address,
      roots: { file: controller.rootsFile },
      serverName: SERVER_NAME,
      tokenFile: await controller.token(),
      ttlSeconds: 20,
    });
    const { chainPem } = await client.fetch(CART, AbortSignal.timeout(5_000));
    await client.close();
    const [leaf, root] = chainPem.map((pem) => new X509Certificate(pem));
    expect(leaf?.subjectAltName).toBe('URI:spiffe://cluster.local/ns/shop/sa/cart');
    expect((leaf?.validToDate.getTime() ?? 0) - Date.now()).toBeLessThan(21_000);
    expect(root?.toString()).toBe(await controller.roots());
  });

  it('gives a caller its own identity when it names none', async () => {
    const ztunnel = { trustDomain: 'cluster.local', namespace: 'istio-system', serviceAccount: 'ztunnel' };
    expect(await call({ identity: ztunnel, impersonate: undefined })).toHaveProperty('chain');
    expect(
      await call({ token: controller.signer.token({ claims: APP_CLAIMS }), impersonate: undefined }),
    ).toHaveProperty('chain');
  });

  it('waits a little for a pod that the node proxy knew first', async () => {
    const late = { ...CART, serviceAccount: 'late' };
    const answer = call({ identity: late });
    setTimeout(() => void controller.put('late.status.yaml', podManifest('late-1', { account: 'late' })), 300);
    expect(await answer).toHaveProperty('chain');
    await controller.remove('late.status.yaml');
  });

  const bound = ztunnelClaims()['kubernetes.io'] as Record<string, unknown>;
  const claims = (change: Record<string, unknown>): Call => ({ token: controller.signer.token({ claims: change }) });
  it.each<[string, () => Call | Promise<Call>, string, string]>([
    ['no token', () => ({ token: undefined }), 'UNAUTHENTICATED', 'no bearer token'],
    ['an empty token', () => ({ token: '' }), 'UNAUTHENTICATED', 'no bearer token'],
    ['a token that is none', () => ({ token: 'a.b.c' }), 'UNAUTHENTICATED', 'not base64url'],
    ['an expired token', () => claims({ exp: 1 }), 'UNAUTHENTICATED', 'expired'],
    ['a token for another audience', () => claims({ aud: ['api'] }), 'UNAUTHENTICATED', 'audience'],
    [
      'a pod of a former life',
      () => claims({ 'kubernetes.io': { ...bound, pod: { name: 'ztunnel-a', uid: 'old' } } }),
      'PERMISSION_DENIED',
      'another uid',
    ],
    [
      'a caller on another node than it says',
      () => claims({ 'kubernetes.io': { ...bound, node: { name: 'b' } } }),
      'PERMISSION_DENIED',
      'another node',
    ],
    [
      'the identity of a pod elsewhere',
      () => ({ identity: { ...CART, serviceAccount: 'far' } }),
      'PERMISSION_DENIED',
      'no pod of shop/far',
    ],
    [
      'another trust domain',
      () => ({ identity: { ...CART, trustDomain: 'evil.example' } }),
      'PERMISSION_DENIED',
      'trust domain',
    ],
    [
      'an application that asks for another',
      () => ({ ...claims(APP_CLAIMS), identity: { ...CART, serviceAccount: 'far' } }),
      'PERMISSION_DENIED',
      'no trusted node account',
    ],
    [
      'a request for one and an application for another',
      () => ({ impersonate: undefined }),
      'PERMISSION_DENIED',
      'the certificate request names',
    ],
    [
      'a request that differs from the identity asked for',
      () => ({ identity: { ...CART, serviceAccount: 'root' }, impersonate: formatSpiffeId(CART) }),
      'PERMISSION_DENIED',
      'the certificate request names',
    ],
    ['an identity that is no text', () => ({ impersonate: 7 }), 'INVALID_ARGUMENT', 'ImpersonatedIdentity'],
    [
      'an identity that is none',
      () => ({ impersonate: 'spiffe://cluster.local/ns/shop' }),
      'INVALID_ARGUMENT',
      'ImpersonatedIdentity',
    ],
    ['no certificate request', () => ({ csr: '' }), 'INVALID_ARGUMENT', 'PEM'],
    ['a huge certificate request', () => ({ csr: 'x'.repeat(1_000_000) }), 'INVALID_ARGUMENT', 'larger'],
  ])('refuses %s, says why in the log and not to the caller', async (_name, change, code, reason) => {
    const answer = await call(await change());
    expect(answer).toMatchObject({ code });
    expect('details' in answer ? answer.details : '').toMatch(
      /^(not authenticated|not authorized|the certificate request is not acceptable)$/,
    );
    // The same refusal may stand there from a case before.
    const line = await eventually(
      () => controller.lines.find((other) => JSON.stringify(other['reason'] ?? '').includes(reason)),
      `a line with the reason ${reason}`,
    );
    expect(line).toMatchObject({ level: 'warn', address: '127.0.0.1', msg: 'no certificate is issued' });
  });

  it('counts what it does', async () => {
    const { text } = await controller.page('/metrics');
    expect(text).toMatch(/^citadel_server_success_cert_issuance_count [3-9]/m);
    expect(text).toMatch(/^citadel_server_refusal_count\{code="AMBIT_TOKEN_REFUSED"\} 5$/m);
  });

  it('stops listening to an address that keeps being refused', async () => {
    const codes = new Set<string>();
    for (let round = 0; round < 30 && !codes.has('RESOURCE_EXHAUSTED'); round++) {
      const answers = await Promise.all([1, 2, 3, 4, 5].map(() => call({ token: 'x' })));
      for (const answer of answers) if ('code' in answer) codes.add(answer.code);
    }
    expect([...codes]).toEqual(['UNAUTHENTICATED', 'RESOURCE_EXHAUSTED']);
  });
});
