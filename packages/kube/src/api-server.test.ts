import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AmbitError } from '@ambit/core/errors';
import { TestAuthority } from '@ambit/identity/test-authority';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { apiServerOfKubeconfig, inClusterApiServer } from './api-server.ts';

let folder: string;
let ca: string;
let certificate: string;
let key: string;

beforeAll(async () => {
  const authority = await TestAuthority.create();
  const issued = await authority.issue(undefined);
  ca = authority.rootPem;
  certificate = issued.certificateChainPem;
  key = issued.privateKeyPem;
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ambit-kube-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function refusal(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof AmbitError && error.code === 'AMBIT_KUBE_CONFIG') return error.message;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('in a pod', () => {
  const environment = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };

  it('finds address, roots and token', () => {
    write('token', 'abc\n');
    write('ca.crt', ca);
    const server = inClusterApiServer(environment, folder);
    expect(server.url.href).toBe('https://10.96.0.1/');
    expect(server.ca).toBe(ca);
    expect(server.token?.()).toBe('abc');
  });

  it('takes an IPv6 address', () => {
    write('token', 'abc');
    write('ca.crt', ca);
    const server = inClusterApiServer({ KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' }, folder);
    expect(server.url.host).toBe('[fd00::1]:6443');
  });

  it('takes a renewed token at once, and keeps the last one while the file is away or empty', () => {
    const file = write('token', 'abc');
    write('ca.crt', ca);
    const { token } = inClusterApiServer(environment, folder);
    write('token', 'def');
    expect(token?.()).toBe('def');
    write('token', '');
    expect(token?.()).toBe('def');
    rmSync(file);
    expect(token?.()).toBe('def');
  });

  it('takes renewed roots', () => {
    write('token', 'abc');
    write('ca.crt', ca);
    const server = inClusterApiServer(environment, folder);
    write('ca.crt', `${ca}${ca}`);
    expect(server.ca).toBe(`${ca}${ca}`);
  });

  it('says what is missing', () => {
    expect(refusal(() => inClusterApiServer({}, folder))).toContain('KUBERNETES_SERVICE_HOST');
    expect(refusal(() => inClusterApiServer(environment, folder))).toContain('automountServiceAccountToken');
    write('token', 'a b');
    expect(refusal(() => inClusterApiServer(environment, folder))).toContain('holds no token');
    write('token', 'abc');
    write('ca.crt', 'nothing');
    expect(refusal(() => inClusterApiServer(environment, folder))).toContain('no PEM certificate');
  });
});

describe('by kubeconfig', () => {
  function config(cluster: object, user: object = {}): string {
    const server = { server: 'https://api:6443', ...cluster };
    const text = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: server }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    });
    return write('config', text);
  }

  it('reads data, and files relative to itself', () => {
    write('ca.pem', ca);
    const data = { 'client-certificate-data': base64(certificate), 'client-key-data': base64(key) };
    const server = apiServerOfKubeconfig(
      config({ 'certificate-authority': 'ca.pem', 'tls-server-name': 'kubernetes' }, data),
    );
    expect(server.url.href).toBe('https://api:6443/');
    expect(server.ca).toBe(ca);
    expect(server.serverName).toBe('kubernetes');
    expect(server.client).toEqual({ certificate, key });
    expect(server.token).toBeUndefined();
  });

  it('reads a token, and a token file anew each time', () => {
    expect(apiServerOfKubeconfig(config({}, { token: 'abc' })).token?.()).toBe('abc');
    write('t', 'one');
    const { token } = apiServerOfKubeconfig(config({}, { tokenFile: 't', token: 'abc' }));
    expect(token?.()).toBe('one');
    write('t', 'two');
    expect(token?.()).toBe('two');
  });

  it('reads YAML and takes the context it is told', () => {
    const path = write(
      'config.yaml',
      `
apiVersion: v1
kind: Config
preferences: {}
clusters:
- {name: one, cluster: {server: "https://one:1"}}
- {name: two, cluster: {server: "https://two:2"}}
contexts:
- {name: one, context: {cluster: one, user: ""}}
- {name: two, context: {cluster: two, namespace: shop}}
current-context: one
`,
    );
    expect(apiServerOfKubeconfig(path).url.host).toBe('one:1');
    expect(apiServerOfKubeconfig(path, 'two').url.host).toBe('two:2');
    expect(refusal(() => apiServerOfKubeconfig(path, 'three'))).toContain('contexts has no "three"');
  });

  it.each([
    ['unverified TLS', { 'insecure-skip-tls-verify': true }, {}, 'insecure-skip-tls-verify is refused'],
    ['a proxy', { 'proxy-url': 'http://proxy' }, {}, 'proxy-url'],
    ['an address that is none', { server: 'api:6443' }, {}, 'https://host:port'],
    ['roots that are no base64', { 'certificate-authority-data': '***' }, {}, 'is not base64'],
    ['roots that are none', { 'certificate-authority-data': 'aGFsbG8=' }, {}, 'no PEM certificate'],
    ['an exec plugin', {}, { exec: { command: 'aws' } }, 'exec plugins are not run'],
    ['an auth provider', {}, { 'auth-provider': { name: 'gcp' } }, 'auth providers'],
    ['a password', {}, { username: 'a', password: 'b' }, 'basic authentication'],
    ['impersonation', {}, { as: 'admin', token: 't' }, 'impersonation'],
    ['a certificate without key', {}, { 'client-certificate-data': 'aGFsbG8=' }, 'need each other'],
    ['a token with a line break', {}, { token: 'a\nb: c' }, 'holds no token'],
    ['a number as a token', {}, { token: 7 }, 'is not a text'],
  ])('refuses %s', (_, cluster, user, message) => {
    expect(refusal(() => apiServerOfKubeconfig(config(cluster, user)))).toContain(message);
  });

  it('refuses a key of another certificate', async () => {
    const other = await (await TestAuthority.create()).issue(undefined);
    const user = { 'client-certificate-data': base64(certificate), 'client-key-data': base64(other.privateKeyPem) };
    expect(refusal(() => apiServerOfKubeconfig(config({}, user)))).toContain('they do not match');
  });

  it.each([
    ['a field twice', 'users: [{name: u, user: {token: s3cret, token: s3cret}}]'],
    ['half a list', 'users: [{name: u, user: {token: s3cret}'],
    ['a value that cannot be', 'users:\n- name: u\n  user: {token: @s3cret}'],
  ])('tells the place of %s, and not the token that stands there', (_what, text) => {
    const said = refusal(() => apiServerOfKubeconfig(write('broken', text)));
    expect(said).toMatch(/broken is no YAML: .* at line \d+, column \d+$/);
    expect(said).not.toContain('s3cret');
  });

  it('does not show the password of an address', () => {
    const said = refusal(() => apiServerOfKubeconfig(config({ server: 'https://admin:s3cret@api:6443' })));
    expect(said).toContain('is not https://host:port');
    expect(said).not.toContain('s3cret');
  });

  it('names the file that is missing, or is no kubeconfig', () => {
    expect(refusal(() => apiServerOfKubeconfig(join(folder, 'nowhere')))).toContain('nowhere');
    expect(refusal(() => apiServerOfKubeconfig(write('bad', 'a: [')))).toContain('is no YAML');
    expect(refusal(() => apiServerOfKubeconfig(write('twice', 'a: 1\na: 2')))).toContain('is no YAML');
    expect(refusal(() => apiServerOfKubeconfig(write('list', '- a')))).toContain('is not a map');
    expect(refusal(() => apiServerOfKubeconfig(write('empty', '{}')))).toContain('current-context');
  });
});
