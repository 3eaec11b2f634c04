import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AmbitError } from '@ambit/core/errors';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildPlugin, PLUGIN_SOURCE } from '../test-node.ts';
import type { AddRequest } from './add-request.ts';
import { type AddAnswer, PluginServer } from './plugin-server.ts';

const PREVIOUS = '{"cniVersion":"1.0.0",  "ips":[{"address":"10.0.0.5/24"}], "z":1}';

/** The plugin as it is shipped, run as the container runtime runs it. */
describe('the CNI plugin', () => {
  let built: string;
  let directory: string;
  let server: PluginServer | undefined;
  let asked: AddRequest[];

  const serve = async (answer: () => Promise<AddAnswer>): Promise<void> => {
    server = await PluginServer.listen({
      path: join(directory, 'pluginevent.sock'),
      onAdd: (request) => {
        asked.push(request);
        return answer();
      },
    });
  };
  const view = (enrolled: string[], others: string[]): void =>
    writeFileSync(join(directory, 'namespaces.json'), JSON.stringify({ version: 1, enrolled, others }), {
      mode: 0o600,
    });
  const run = async (
    command: string,
    pod = 'web',
    namespace = 'shop',
  ): Promise<{ status: number; stdout: string; milliseconds: number }> => {
    const since = performance.now();
    const child = spawn(join(built, 'ambit-cni'), {
      env: {
        CNI_COMMAND: command,
        CNI_CONTAINERID: 'abc',
        CNI_IFNAME: 'eth0',
        CNI_NETNS: '/var/run/netns/x',
        CNI_ARGS: `K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${pod};K8S_POD_UID=u-1`,
      },
    });
    const config = `{"cniVersion":"1.0.0","name":"k","type":"ambit-cni","cni_agent_run_dir":"${directory}","exclude_namespaces":["kube-system"],"prevResult":${PREVIOUS}}`;
    child.stdin.end(config);
    let stdout = '';
    child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
    const status = await new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? 1)));
    return { status, stdout, milliseconds: performance.now() - since };
  };

  beforeAll(async () => {
    built = mkdtempSync(join(tmpdir(), 'plugin-'));
    await buildPlugin(join(built, 'ambit-cni'));
  }, 120_000);
  afterAll(() => rmSync(built, { recursive: true }));
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'run-'));
    asked = [];
    server = undefined;
  });
  afterEach(() => {
    server?.destroy();
    rmSync(directory, { recursive: true });
  });

  it('passes its own tests', async () => {
    const said = await new Promise<string>((resolve) => {
      execFile('go', ['test', './...'], { cwd: PLUGIN_SOURCE }, (_error, stdout, stderr) => resolve(stdout + stderr));
    });
    expect(said).toMatch(/^ok/);
  }, 120_000);

  it('asks the agent and passes the result of the plugin before it on, byte for byte', async () => {
    await serve(() => Promise.resolve({ enrolled: true, reason: 'x' }));
    const times: number[] = [];
    for (let time = 0; time < 9; time++) {
      const { status, stdout, milliseconds } = await run('ADD');
      expect([status, stdout]).toEqual([0, PREVIOUS]);
      times.push(milliseconds);
    }
    expect(asked[0]).toEqual({
      netns: '/var/run/netns/x',
      name: 'web',
      namespace: 'shop',
      uid: 'u-1',
      ips: ['10.0.0.5'],
      mustWait: true,
    });
    expect(times.toSorted((one, other) => one - other)[4]).toBeLessThan(150);
  });

  it('without an agent holds pods of the mesh and of unknown namespaces, and nobody else', async () => {
    view(['shop'], ['free']);
    const [enrolled, unknown, free, excluded, proxy] = await Promise.all([
      run('ADD'),
      run('ADD', 'web', 'new'),
      run('ADD', 'web', 'free'),
      run('ADD', 'dns', 'kube-system'),
      run('ADD', 'ztunnel-x', 'istio-system'),
    ]);
    expect([enrolled, unknown, free, excluded, proxy].map(({ status }) => status)).toEqual([1, 1, 0, 0, 0]);
    expect(JSON.parse(enrolled.stdout)).toMatchObject({ cniVersion: '1.0.0', code: 11 });
    expect(enrolled.stdout).toContain('namespace shop is in the mesh, but the node agent does not answer');
    expect(enrolled.stdout).toContain('is the istio-cni-node pod of this node running?');
    expect(unknown.stdout).toContain('the agent does not know namespace new yet');
    expect(free.milliseconds).toBeLessThan(2_000);
  });

  it('an agent that comes back while a pod waits lets it start', async () => {
    const waiting = run('ADD');
    await new Promise((resolve) => setTimeout(resolve, 500));
    await serve(() => Promise.resolve({ enrolled: true, reason: 'x' }));
    expect((await waiting).status).toBe(0);
  });

  it('a refusal counts for every pod and says why; not knowing counts for pods of the mesh only', async () => {
    view([], ['shop']);
    let code = 'AMBIT_CNI_NOT_SERVED';
    await serve(() => Promise.reject(new AmbitError(code, 'no ztunnel is connected')));
    const refused = await run('ADD');
    expect(refused.status).toBe(1);
    expect(refused.stdout).toContain(
      'pod shop/web is not in the mesh yet: AMBIT_CNI_NOT_SERVED: no ztunnel is connected',
    );
    code = 'AMBIT_CNI_API';
    expect((await run('ADD')).status).toBe(0);
    view(['shop'], []);
    expect((await run('ADD')).status).toBe(1);
    expect(asked.map(({ mustWait }) => mustWait)).toEqual([false, false, true]);
  });

  it.each(['DEL', 'CHECK', 'GC', 'STATUS'])('%s succeeds without an agent', async (command) => {
    expect(await run(command)).toMatchObject({ status: 0, stdout: '' });
  });
});
