import { X509Certificate } from 'node:crypto';
import { systemClock } from '@ambit/core/clock';
import { createLogger } from '@ambit/core/log';
import { KubeClient } from '@ambit/kube/client';
import { sendJson, sendStatus, TestApiServer } from '@ambit/kube/test-api-server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRoot } from './authority.ts';
import { authorityNow, authorityOfSecrets, renewSelfSigned } from './authority-secret.ts';
import type { AuthorityMaterial } from './signing-key.ts';

type Secret = { metadata: { name: string }; type?: string; data: Record<string, string> };

let server: TestApiServer;
let client: KubeClient;
/** By name. */
let secrets: Map<string, Secret>;

beforeEach(async () => {
  secrets = new Map();
  server = await TestApiServer.start();
  server.reply = (request, response, body) => {
    const name = /\/api\/v1\/namespaces\/mesh\/secrets\/?([^/?]*)/.exec(request.url ?? '')?.[1] ?? '';
    if (request.method === 'POST') {
      const secret = JSON.parse(body) as Secret;
      if (secrets.has(secret.metadata.name)) return sendStatus(response, 409, 'AlreadyExists', 'it is there');
      secrets.set(secret.metadata.name, secret);
      return sendJson(response, secret);
    }
    if (request.method === 'PUT') secrets.set(name, JSON.parse(body) as Secret);
    const known = secrets.get(name);
    return known === undefined ? sendStatus(response, 404, 'NotFound', 'no such') : sendJson(response, known);
  };
  client = new KubeClient(server.apiServer, { clock: systemClock, userAgent: 'test' });
});
afterEach(async () => {
  client.destroy();
  await server.kill();
});

const log = createLogger('test', { level: 'silent' });

function parts(): Parameters<typeof renewSelfSigned>[0] {
  return { client, namespace: 'mesh', trustDomain: 'cluster.local', clock: systemClock, log };
}

async function open(): Promise<AuthorityMaterial> {
  return (await authorityOfSecrets(parts())).material;
}

function put(name: string, data: Record<string, string>): void {
  const encoded = Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
  const metadata = { name, namespace: 'mesh' };
  secrets.set(name, { metadata, data: Object.fromEntries(encoded) as Record<string, string> });
}

describe('the authority of a cluster', () => {
  it('is made once by replicas that start at the same time', async () => {
    const opened = await Promise.all([open(), open(), open()]);
    expect(new Set(opened.map(({ rootsPem }) => rootsPem)).size).toBe(1);
    expect(new Set(opened.map(({ privateKeyPem }) => privateKeyPem)).size).toBe(1);
    expect(await open()).toEqual(opened[0]);
    const made = secrets.get('istio-ca-secret');
    expect(made?.type).toBe('istio.io/ca-root');
    expect(Object.keys(made?.data ?? {}).sort()).toEqual([
      'ca-cert.pem',
      'ca-key.pem',
      'cert-chain.pem',
      'root-cert.pem',
    ]);
  });

  it('is the one that Istio has made, whose root stands under ca-cert.pem alone', async () => {
    const { certificatePem, privateKeyPem } = await createRoot('cluster.local', Date.now());
    put('istio-ca-secret', {
      'ca-cert.pem': certificatePem,
      'ca-key.pem': privateKeyPem,
      'cert-chain.pem': '',
      'root-cert.pem': '',
    });
    expect(await open()).toEqual({ certificatePem, privateKeyPem, chainPem: '', rootsPem: certificatePem });
  });

  it('is the plugged-in one where there is one', async () => {
    await open();
    const { certificatePem, privateKeyPem } = await createRoot('other', Date.now());
    put('cacerts', {
      'ca-cert.pem': certificatePem,
      'ca-key.pem': privateKeyPem,
      'root-cert.pem': certificatePem,
      'cert-chain.pem': certificatePem,
    });
    expect(await open()).toMatchObject({ certificatePem, privateKeyPem });
  });

  it('is not another one because the plugged-in one is broken', async () => {
    await open();
    put('cacerts', { 'ca-cert.pem': 'x', 'root-cert.pem': 'x' });
    await expect(open()).rejects.toMatchObject({
      code: 'AMBIT_CA_FILES',
      message: 'Secret mesh/cacerts has no key ca-key.pem and no tls.key',
    });
  });

  it('is never another one because its Secret is gone', async () => {
    await open();
    secrets.delete('istio-ca-secret');
    await expect(authorityNow(parts(), { pluggedIn: false })).rejects.toMatchObject({
      code: 'AMBIT_CA_FILES',
      message: 'Secret mesh/istio-ca-secret, in which the authority stood, is gone',
    });
    await open();
    await expect(authorityNow(parts(), { pluggedIn: true })).rejects.toMatchObject({
      message: 'Secret mesh/cacerts, in which the authority stood, is gone',
    });
  });

  const YEARS = 31_536_000_000;
  it.each([
    ['left alone while more than a fifth of its life is left', 7.9, false],
    ['renewed with its key when less is left', 8.1, true],
  ])('of its own is %s', async (_name, age, renewed) => {
    const made = await createRoot('cluster.local', Date.now() - age * YEARS);
    put('istio-ca-secret', { 'ca-cert.pem': made.certificatePem, 'ca-key.pem': made.privateKeyPem });
    await renewSelfSigned(parts());
    const now = await open();
    expect(now.privateKeyPem).toBe(made.privateKeyPem);
    expect(now.rootsPem !== made.rootsPem).toBe(renewed);
    const life = new X509Certificate(now.rootsPem).validToDate.getTime() - Date.now();
    expect(life > 9 * YEARS).toBe(renewed);
  });

  it('of its own is not renewed where another is plugged in', async () => {
    const made = await createRoot('cluster.local', Date.now() - 9 * YEARS);
    put('istio-ca-secret', { 'ca-cert.pem': made.certificatePem, 'ca-key.pem': made.privateKeyPem });
    put('cacerts', { 'ca-cert.pem': 'x' });
    const before = JSON.stringify([...secrets]);
    await renewSelfSigned(parts());
    expect(JSON.stringify([...secrets])).toBe(before);
  });
});
